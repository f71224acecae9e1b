"""Clocks: how far those of other machines are from this one's."""

from collections.abc import Iterator

from command_line.doctor.deployment import Deployment
from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind

_CURE = (
    "timedatectl set-ntp true # on both machines, or chronyc makestep",
    "chronyc tracking",
)


def of_clock(
    deployment: Deployment, whose: str, ahead_seconds: float, uncertain_seconds: float
) -> Iterator[Finding]:
    """A clock that differs from ours, for sure, by more than tokens may, or by half of that."""
    edge = deployment.parts.get("edge")
    leeway = 5.0
    if edge is not None and edge.settings is not None:
        leeway = edge.settings.token_leeway_seconds
    certain = abs(ahead_seconds) - uncertain_seconds
    way = "ahead of" if ahead_seconds > 0 else "behind"
    seen = f"its clock is {abs(ahead_seconds):.1f} s {way} this machine's"
    if certain > leeway:
        yield Finding(Kind.CLOCK_DIFFERS, whose, f"{seen}, and tokens may miss {leeway:g} s", _CURE)
    elif certain > max(0.5, leeway / 2):
        yield Finding(Kind.CLOCK_DRIFTS, whose, seen, _CURE)
