"""Packets of reports, sanctions and appeals, live and by a resume, in any order."""

import random
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from edge.cursors import MODERATION
from edge.push.render import render
from moderation_service.api import event_translation
from moderation_service.domain.case.commands import ClaimCase, DecideAppeal, LiftSanction
from moderation_service.domain.case.entities import AppealStatus, Case
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.limits import DAY
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.operations import changes
from moderation_service.operations.paging import Page
from moderation_service.operations.tasks import Task
from moderation_service.storage import targets
from parley_protocol.objects import Objects
from service_kit.rules import Position
from service_kit.storage.clock import read_position
from tests.moderation_service.operations.test_runner import carry_out
from tests.moderation_service.story import (
    LIMITS,
    MESSAGE,
    MODERATOR,
    PARTICIPANTS,
    appealed,
    decision,
    measure,
    muted,
    new,
    reported,
)
from tests.support.examples import on_one_database
from tests.support.serving import Database, replay

REASONS = list(ReportReason)
STEPS = ("report", "claim", "punish", "acquit", "appeal", "uphold", "overturn", "lift")
step = st.tuples(st.sampled_from(STEPS), st.integers(0, 1), st.integers(0, 9))

# An opcode and the payload as plain values, as a client reads a packet.
Packet = tuple[int, dict[str, Any]]


class Story:
    """One message that is reported, and what becomes of it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.subject = replace(MESSAGE, id=new("message"))
        # Of this example alone, for how often somebody reports is limited.
        self.people = tuple(new(one) for one in PARTICIPANTS)
        self.name = ""

    def command(self, step: tuple[str, int, int], ahead: int) -> Any:
        """Make a command that may be refused; `ahead` others go before it."""
        kind, who, number = step
        actor, moderator = self.people[who], ("mia", "max")[who]
        case = self.case()
        if kind == "report" or case is None:
            made = reported(
                actor,
                self.subject,
                reason=REASONS[number % 3],
                comment="c",
                participants=self.people,
                author=self.people[1],
            )
            self.name = self.name or made.ids.case
            return made
        version = case.seq + ahead
        match kind:
            case "claim":
                return ClaimCase(moderator, MODERATOR, self.name)
            case "punish":
                accused, until = self.people[1], self.database.now + DAY
                measures = measure(SanctionKind.WARNING, accused), muted(until, accused)
                return decision(self.name, *measures, version=version, actor=moderator)
            case "acquit":
                return decision(self.name, version=version, actor=moderator)
            case "lift" if case.sanctions:
                sanction = case.sanctions[number % len(case.sanctions)].id
                return LiftSanction(moderator, MODERATOR, sanction, "Enough.")
            case "uphold" | "overturn" if case.appeals:
                appeal = case.appeals[number % len(case.appeals)].id
                outcome = AppealStatus.UPHELD if kind == "uphold" else AppealStatus.OVERTURNED
                return DecideAppeal(moderator, MODERATOR, appeal, version, outcome, "Because.")
            case _ if case.decisions:
                return appealed(actor, case.decisions[number % len(case.decisions)].id)
        return ClaimCase(moderator, MODERATOR, self.name)

    def case(self) -> Case | None:
        found: dict[str, Case] = self.database.read(targets.find_cases, [self.name])
        return found.get(self.name)

    def told(self, user: str, before: int, after: int) -> list[Packet]:
        """What was told live of the events between two moments."""
        events = self.database.events[before:after]
        made = [event_translation.event(to, what) for _, to, what in events if user in to]
        return packets_of(made, user)

    def missed(self, user: str, after: Position, size: int) -> list[Packet]:
        until = self.database.read(read_position)

        def page(token: str) -> Any:
            return self.database.read(
                changes.list_changes,
                user,
                after,
                until,
                Page(size, token, 1_000),
                self.database.now,
                LIMITS,
                everything=False,
            )

        return packets_of(event_translation.changes([one for _, one in replay(page)], user), user)


def packets_of(events: list[Any], user: str) -> list[Packet]:
    alerts = [render(MODERATION, event, user) for event in events]
    return [(one.op.value, to_builtins(one.payload)) for one in alerts if one is not None]


def known_after(user: str, packets: list[Packet]) -> dict[Any, Any]:
    """All that a client knows, but for what follows from the clock alone."""
    known = Objects(user)
    for op, data in packets:
        known.take(op, data)
    return {
        place: {name: value for name, value in shown.content.items() if name != "appealable"}
        for place, shown in known.items()
    }


@on_one_database
@given(
    st.lists(st.lists(step, min_size=1, max_size=4), max_size=10),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_live_and_replay_tell_the_same_in_any_order(
    database: Database, plan: list[list[Any]], size: int, order: random.Random
) -> None:
    """From every place, and shuffled: the newest version of each object is the same."""
    database.events.clear()
    story = Story(database)
    places = [(database.read(read_position), 0)]
    for steps in plan:
        asked = [story.command(one, ahead) for ahead, one in enumerate(steps)]
        tasks = [one if isinstance(one, Task) else Task(one) for one in asked]
        # Now and then in one millisecond with what was before.
        database.now -= order.choice((0, 1))
        database.run(carry_out, *tasks)
        places.append((database.read(read_position), len(database.events)))
    for user in story.people:
        live = story.told(user, 0, len(database.events))
        expected = known_after(user, live)
        for after, count in places:
            again = [*story.told(user, 0, count), *story.missed(user, after, size)]
            assert known_after(user, again) == expected
            packets = [*live, *again]
            order.shuffle(packets)
            assert known_after(user, packets) == expected
