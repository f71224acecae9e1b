"""Failures of a service as a whole."""


class NotLiveError(Exception):
    """The service does not deliver at present."""
