"""How long alerts took: from when a message was first sent until each device heard of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from parley_protocol.packets import Op
from tests.crash.recording import DeviceRecord, Recorder
from tests.support.inbox import Packet

# An alert that took part of its time while something was wrong, or just had been.
_AFTERWARDS_SECONDS = 1.0


@dataclass
class Alerts:
    """The times of messages and of the alerts of them, in seconds on one clock."""

    sent: dict[str, float] = field(default_factory=dict)
    took: list[tuple[float, float]] = field(default_factory=list)
    faults: list[tuple[float, float]] = field(default_factory=list)

    def recorder(self, record: DeviceRecord) -> Recorder:
        """A recorder of a device that notes the times as well."""
        return _Timing(record, self)

    def summary(self) -> str:
        """All alerts, and those during faults, by their percentiles."""
        during = [one for one in self.took if self._disturbed(*one)]
        return f"alerts: {_percentiles(self.took)}\nduring faults: {_percentiles(during)}"

    def _disturbed(self, sent: float, heard: float) -> bool:
        return any(
            sent <= ended + _AFTERWARDS_SECONDS and heard >= began for began, ended in self.faults
        )


def _percentiles(took: Sequence[tuple[float, float]]) -> str:
    if not took:
        return "none"
    seconds = sorted(heard - sent for sent, heard in took)

    def at(share: float) -> str:
        return f"{seconds[min(len(seconds) - 1, int(share * len(seconds)))] * 1000:.0f} ms"

    return f"{len(seconds)}, p50 {at(0.5)}, p99 {at(0.99)}, max {at(1)}"


class _Timing(Recorder):
    def __init__(self, record: DeviceRecord, alerts: Alerts) -> None:
        super().__init__(record)
        self._user = record.user
        self._alerts = alerts
        self._heard: set[str] = set()

    def sent(self, packet: Packet) -> None:
        super().sent(packet)
        if packet["op"] == Op.CREATE_MSG:
            self._alerts.sent.setdefault(packet["d"]["text"], time.monotonic())

    def heard(self, packet: Packet) -> None:
        super().heard(packet)
        if packet["op"] != Op.ALERT_NEW_MSG:
            return
        message = packet["d"]["message"]
        text = message.get("text", "")
        sent = self._alerts.sent.get(text)
        if sent is not None and message["sender"] != self._user and text not in self._heard:
            self._heard.add(text)
            self._alerts.took.append((sent, time.monotonic()))
