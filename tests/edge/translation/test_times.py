"""Times as packets show them."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from edge.translation.times import timestamp


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "1970-01-01T00:00:00.000Z"),
        (0, 999_999_999, "1970-01-01T00:00:00.999Z"),
        (1_700_000_000, 1_000_000, "2023-11-14T22:13:20.001Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_with_milliseconds(seconds: int, nanos: int, text: str) -> None:
    """Always three digits and a Z; what is finer is cut off."""
    assert timestamp(Timestamp(seconds=seconds, nanos=nanos)) == text


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_no_millisecond_is_lost(milliseconds: int) -> None:
    """The text names exactly the stored millisecond, whatever floating point makes of it."""
    value = Timestamp(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)
    read = datetime.fromisoformat(timestamp(value))
    since = read - datetime(1970, 1, 1, tzinfo=UTC)
    assert since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000 == (
        milliseconds
    )
