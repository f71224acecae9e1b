"""Structures of the desk's HTTP API, of which docs/desk-openapi.json is made.

Those that moderation gives are its messages by the rule of service_kit/rpc/documents.py: an empty
word is one that is not said, or that is newer than the desk; what is absent is left out.
"""
