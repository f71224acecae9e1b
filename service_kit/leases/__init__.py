"""Leases: which of several processes does what is done once for a database."""
