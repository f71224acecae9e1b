"""Options: what makes no sense is said at once, and by name."""

import math
from typing import Any

import pytest

from parley_client.errors import InvalidOptionsError
from parley_client.options import Options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token_timeout_seconds", 0),
        ("connect_timeout_seconds", -1),
        ("hello_timeout_seconds", math.inf),
        ("answer_timeout_seconds", math.nan),
        ("backoff_cap_seconds", "30"),
        ("backoff_base_seconds", True),
        ("silence_timeout_seconds", 0),
        ("max_entries", 0),
        ("max_in_flight", 1.5),
        ("max_queued_events", None),
        ("max_frame_bytes", True),
        ("subprotocol", "parley.v9.xml"),
    ],
)
def test_a_senseless_option_is_refused_by_its_name(name: str, value: Any) -> None:
    """Before anything is connected."""
    with pytest.raises(InvalidOptionsError, match=name):
        Options(**{name: value})


def test_an_unknown_option_is_an_error() -> None:
    """A typing error must not leave a limit at its default."""
    with pytest.raises(TypeError):
        Options(token_timeout=3)  # type: ignore[call-arg]
