"""The command line: serves Parley locally, mints tokens, talks from a terminal, plays a demo.

It starts the parts as processes of their own and imports none of them.
"""
