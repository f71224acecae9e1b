"""Options of a client: each limit and time, with its unit in its name."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from parley_client.errors import InvalidOptionsError
from parley_protocol.packets import FORMATS, JSON


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a client. Raises InvalidOptionsError for what makes no sense."""

    subprotocol: str = JSON.subprotocol
    """`parley.v1.json`, or `parley.v1.msgpack`."""

    token_timeout_seconds: float = 10.0
    """For how long the token function may take."""
    connect_timeout_seconds: float = 10.0
    """For how long the opening of a socket may take."""
    hello_timeout_seconds: float = 10.0
    """For how long an open socket may bring no HELLO."""
    silence_timeout_seconds: float | None = None
    """After how long without a frame a socket is given up; None: two of the server's ping
    intervals and five seconds."""
    resume_timeout_seconds: float = 120.0
    """For how long a resume may bring nothing but PINGs."""
    answer_timeout_seconds: float = 10.0
    """After how long without an answer a packet is sent again."""
    close_timeout_seconds: float = 2.0
    """For how long closing may take."""

    backoff_base_seconds: float = 0.5
    """The first pause before connecting again is random and below this; it doubles each time."""
    backoff_cap_seconds: float = 30.0
    """The longest pause of the client's own."""
    steady_after_seconds: float = 5.0
    """After how long of being live the pauses begin small again."""
    longest_delay_seconds: float = 3600.0
    """The longest pause that a server may ask for."""

    max_age_seconds: float = 86_400.0
    """For how long a command may wait to be sent."""
    max_entries: int = 1000
    """Commands in the outbox that are not done; and as many that failed."""
    max_in_flight: int = 16
    """Commands that were sent and not answered yet; and as many questions."""
    max_queued_events: int = 10_000
    """Events that wait for the slowest consumer."""
    max_resumed_packets: int = 50_000
    """Packets that one resume may bring."""
    max_remembered: int = 100_000
    """Objects whose newest showing is remembered, and pushes, that none be told twice."""
    max_frame_bytes: int = 16 * 1024 * 1024
    """The largest frame that is read."""
    confirm_interval_seconds: float = 0.2
    """How soon after events were handled that is stored, and told to the server."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers of the handshake."""
    proxy: str | Literal[True] | None = True
    """The address of a proxy; True: that of the environment, but for the loopback; None: none."""
    ssl: Any = None
    """An `ssl.SSLContext` for `wss:` addresses; None: the usual one."""

    def __post_init__(self) -> None:
        if self.subprotocol not in FORMATS:
            raise InvalidOptionsError(f"subprotocol is one of {', '.join(FORMATS)}")
        for name in (one.name for one in fields(self)):
            value = getattr(self, name)
            if name.endswith("_seconds"):
                self._check_seconds(name, value)
            elif name.startswith("max_"):
                self._check_count(name, value)

    @staticmethod
    def _check_seconds(name: str, value: object) -> None:
        if value is None and name == "silence_timeout_seconds":
            return
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidOptionsError(f"{name} is a number of seconds, not {value!r}")
        if not (math.isfinite(value) and value > 0):
            raise InvalidOptionsError(f"{name} is above 0 and finite, not {value!r}")

    @staticmethod
    def _check_count(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidOptionsError(f"{name} is a whole number from 1 on, not {value!r}")
