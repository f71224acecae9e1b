"""Adapters: programs that put a client library at the disposal of the kit."""
