"""The known sanctions and revocations of one user, and whether any may be missing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from parley.moderation.v1 import moderation_pb2 as pb

from edge.cursors import Position
from edge.sanctions.activities import restricts
from edge.translation.moderation import appeal_payload, sanction_payload
from parley_protocol.payloads.moderation import Appeal, Sanction
from service_kit.authentication.revocations import NOTHING, Revocations, read_revocations


class _Held(NamedTuple):
    sanction: Sanction
    # Unix seconds; infinite when it is only lifted.
    until: float


_NOTHING: Mapping[str, _Held] = MappingProxyType({})


@dataclass(slots=True)
class UserSanctions:
    """The sanctions that restrict a user, read at a position of moderation's clock and carried on
    from there by events.
    """

    # Never changed in place: of most users it is the one that holds nothing.
    _held: Mapping[str, _Held] = field(default_factory=lambda: _NOTHING)
    # Where it was read; None: it never was.
    read_at: Position | None = None
    # After which every event of the user comes here; None while they may not.
    followed_from: Position | None = None
    # Which of the user's tokens are refused.
    revocations: Revocations = NOTHING
    # Of the last event.
    _heard: Position | None = None

    @property
    def current(self) -> bool:
        """Whether nothing can be missing."""
        return self.followed_from is not None and _covers(self.read_at, self.followed_from)

    def unfollow(self) -> None:
        """Note that the user's events end here; what is read from now on is later than they."""
        self.followed_from = self._heard = None

    def in_force(self, now: float) -> list[Sanction]:
        """The sanctions that restrict the user at this time, in Unix seconds."""
        return [held.sanction for held in self._held.values() if now < held.until]

    def read(self, standing: pb.Standing) -> bool:
        """Take what was read. Returns whether it was: what is older than an event is not."""
        position = _position(standing.position)
        heard = self._heard
        if heard is not None and heard.epoch == position.epoch and not _covers(position, heard):
            return False
        self._held, self.read_at = _hold(standing.sanctions), position
        self.revocations = read_revocations(standing)
        return True

    def apply(self, position: Position, event: pb.Event) -> bool:
        """Take in an event. Returns whether it may restrict the user otherwise than before."""
        if _covers(self.read_at, position) or not self._take_in(event):
            return False
        self._heard = position
        return True

    def _take_in(self, event: pb.Event) -> bool:
        match event.WhichOneof("event"):
            case "sanctioned":
                imposed = _hold([event.sanctioned.sanction])
                self._held = {**self._held, **imposed}
                return bool(imposed)
            case "sanction_lifted":
                lifted = event.sanction_lifted.sanction.id
                known = lifted in self._held
                self._held = {name: one for name, one in self._held.items() if name != lifted}
                return known
            case "appeal_status_changed":
                self._note_appeal(appeal_payload(event.appeal_status_changed.appeal))
            case "standing_changed":
                standing = event.standing_changed.standing
                self._held = _hold(standing.sanctions)
                self.revocations = read_revocations(standing)
                # One that is told again is as things are now: what is told after it is older.
                self.read_at = _position(standing.position)
                return True
        return False

    def _note_appeal(self, appeal: Appeal) -> None:
        """Show it with what it is about, which nobody can appeal against once more."""
        for name, held in self._held.items():
            if held.sanction.decision == appeal.decision:
                shown = msgspec.structs.replace(held.sanction, appeal=appeal, appealable=False)
                self._held = {**self._held, name: _Held(shown, held.until)}


def notifications(before: Iterable[Sanction], after: Iterable[Sanction]) -> list[Sanction]:
    """The payloads that tell what has become of restrictions: those lifted, then those imposed."""
    known, standing = {one.sanction for one in before}, {one.sanction for one in after}
    ended = [one for one in before if one.sanction not in standing]
    lifted = [msgspec.structs.replace(one, lifted=True) for one in ended]
    return lifted + [one for one in after if one.sanction not in known]


def _covers(position: Position | None, other: Position) -> bool:
    """Tell whether all that happened up to `other` is known at `position`."""
    if position is None:
        return False
    return position.epoch == other.epoch and position.revision >= other.revision


def _position(position: pb.Position) -> Position:
    return Position(position.epoch, position.revision)


def _hold(sanctions: Iterable[pb.Sanction]) -> Mapping[str, _Held]:
    found = {}
    for one in sanctions:
        # How a kind restricts that only a newer edge knows is not known here: it does not.
        payload = sanction_payload(one)
        if restricts(payload) and not payload.lifted:
            until = one.until_time
            ends = until.seconds + until.nanos / 1e9 if one.HasField("until_time") else float("inf")
            found[one.id] = _Held(payload, ends)
    return found or _NOTHING
