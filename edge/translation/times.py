"""Times as packets show them."""

from datetime import UTC, datetime
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp


# Everything in one commit bears one time, and each message of it is shown several times.
@lru_cache(maxsize=1024)
def _format_time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp(value: Timestamp) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return _format_time(value.seconds * 1000 + value.nanos // 1_000_000)
