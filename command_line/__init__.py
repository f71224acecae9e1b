"""The command line: serves Parley locally, mints tokens, chats, shows a demo, and moderates.

It starts the parts as processes of their own, and imports of them only the protocol of the edge
and the rules that verify the audit log.
"""
