"""Strikes between moderation and negotiation, and the checks after all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.crash import book_checks, moderation_checks
from tests.crash.books import Books
from tests.crash.findings import Findings


@dataclass(frozen=True)
class Strike:
    """A kill: of whom, at which moment of which call."""

    call: str
    moment: str
    victims: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' and '.join(self.victims)} {self.moment} {self.call}"


_MOMENTS = {
    "before": (("moderation",), ("negotiation",), ("moderation", "negotiation")),
    "during": (("negotiation",), ("moderation", "negotiation")),
    "after": (("moderation",), ("negotiation",), ("moderation", "negotiation")),
    "answered": (("moderation",), ("negotiation",)),
}
STEPS = tuple(
    (Strike("PlaceHold", moment, victims), Strike("ResolveHold", moment, victims))
    for moment, choices in _MOMENTS.items()
    for victims in choices
)
"""The strikes of a round at its disputes: one at the opening, and one at the end."""

_CHECKS = (
    book_checks.events_are_dense,
    book_checks.rows_are_what_the_events_make,
    moderation_checks.rows_are_what_their_events_make,
    moderation_checks.the_audit_log_is_whole,
    moderation_checks.a_service_is_held_while_its_dispute_is_open,
)


@dataclass(frozen=True)
class Story:
    """The events that a service and its dispute must have had, each once."""

    service: str
    to_service: tuple[str, ...]
    to_dispute: tuple[str, ...]


@dataclass
class Outcome:
    """The counts of what was done, and the errors found."""

    strikes: list[Strike] = field(default_factory=list)
    stories: dict[str, Story] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def summary(self) -> str:
        return (
            f"{len(self.strikes)} strikes, {len(self.stories)} disputes, "
            f"{len(self.violations)} violations"
        )


def compare(books: Books, stories: Mapping[str, Story]) -> Sequence[str]:
    """Name what is stored otherwise than it has to be."""
    findings = Findings({}, {}, books)
    found = [str(one) for check in _CHECKS for one in check(findings)]
    happened = books.moderation.events
    if happened.keys() != stories.keys():
        found.append(f"DISPUTES: {happened.keys() ^ stories.keys()}")
    for dispute, story in stories.items():
        to_dispute = tuple(str(row.event.cause) for row in happened.get(dispute, ()))
        to_service = tuple(str(row.event.cause) for row in books.events[story.service])
        if to_dispute != story.to_dispute:
            found.append(f"DISPUTE: {dispute} was {to_dispute}")
        if to_service[2:] != story.to_service:
            found.append(f"SERVICE: {story.service} was {to_service}")
    return found
