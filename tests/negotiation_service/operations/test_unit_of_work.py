"""Random transactions: rows, events and notifications agree after each history."""

from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from uuid_utils import uuid7

from negotiation_service.domain import events as domain_events
from negotiation_service.domain.commands import FireTimers, PlaceHold, ResolveHold
from negotiation_service.domain.decision import running_timers
from negotiation_service.domain.entities import Outcome, Settlement
from negotiation_service.domain.events import offer_made
from negotiation_service.domain.limits import DAY, HOUR
from negotiation_service.operations import queries
from service_kit.rules import Position
from service_kit.storage.clock import read_position
from tests.negotiation_service.deals import (
    LIMITS,
    accepted,
    carry_out,
    edited,
    ended,
    noted,
    proposed,
    stored_deals,
    stored_events,
    stored_offers,
    stored_timers,
    terminated,
)
from tests.support.examples import on_one_database
from tests.support.serving import Database, replay

ACTORS = ("ann", "bob", "eve")
step = st.tuples(
    st.sampled_from(
        ["create", "edit", "edit", "accept", "accept", "decline", "deliver", "complete", "reopen",
         "cancel", "note", "hold", "resolve", "fire"]
    ),
    st.sampled_from(ACTORS),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from(["", "", "k1", "k2"]),
)  # fmt: skip
waits = st.sampled_from([0, 0, 0, HOUR, 2 * DAY, 8 * DAY, 31 * DAY])


class Story:
    """Commands for three conversations, made from what was last seen of each."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.conversations = [str(uuid7()) for _ in range(3)]
        self.latest: dict[str, str] = {}

    def command(self, step: Any) -> Any:
        kind, actor, where, number, key = step
        conversation = self.conversations[where]
        # Keys are an actor's own: another example must not meet them.
        named = {"idempotency_key": f"{conversation[-20:]}-{key}"} if key else {}
        if kind == "create":
            other = "bob" if actor == "ann" else "ann"
            made = proposed(
                conversation, actor=actor, other=other, key=named.get("idempotency_key", "")
            )
            self.latest[conversation] = made.service
            return made
        service = self.latest.get(conversation, "nowhere")
        deal = stored_deals(self.database).get(service)
        live = deal.offer.number if deal and deal.offer else 0
        price = deal.offer.price if deal and deal.offer else 1
        match kind:
            case "edit":
                base = live if number else 7
                return edited(actor, service, 1_000 * (number + 1), base, **named)
            case "accept":
                return accepted(actor, service, live or 1, price, **named)
            case "decline":
                return ended(actor, service, "declined" if number else "withdrawn", live or 1)
            case "deliver" | "complete" | "reopen" | "cancel":
                outcome = {"deliver": "delivered", "complete": "completed",
                           "reopen": "reopened", "cancel": "cancelled"}[kind]  # fmt: skip
                return terminated(actor, service, outcome, **named)
            case "note":
                return noted(actor, service, f"comment {number}", **named)
            case "hold":
                return PlaceHold(service, f"dispute-{number}", actor)
            case "resolve":
                agreed = deal.agreed.price if deal and deal.agreed else 0
                outcome = list(Outcome)[number]
                split = Settlement(1, agreed - 1) if outcome is Outcome.SPLIT else None
                return ResolveHold(service, f"dispute-{number % 2}", outcome, split)
        return FireTimers(service)


def replayed(database: Database, user: str, after: Position, size: int) -> list[Any]:
    """All changes that pages of `size` give: (revision, recipients, event)."""
    asked = (queries.list_changes, user, after, database.read(read_position), size)
    read = partial(database.read, *asked)
    told = replay(lambda token: read(token, 500, 0, LIMITS, everything=False))
    return [(revision, *event) for revision, event in told]


@on_one_database
@given(
    st.lists(st.tuples(waits, st.lists(step, min_size=1, max_size=5)), max_size=12),
    st.integers(1, 4),
)
def test_any_history_is_its_events(database: Database, plan: list[Any], size: int) -> None:
    """After any transactions the rows agree with one another, and what is replayed with what was
    told: each event, to whom, and the deal as each recipient saw it then.
    """
    database.events.clear()
    start = database.read(read_position)
    story = Story(database)
    for wait, steps in plan:
        database.now += wait
        database.run(carry_out, *(story.command(one) for one in steps))
    deals = {
        key: deal
        for key, deal in stored_deals(database).items()
        if deal.conversation in story.conversations
    }
    events, offers = stored_events(database), stored_offers(database)
    running = stored_timers(database)
    for key, deal in deals.items():
        assert domain_events.replay(events[key]) == deal
        assert [one.seq for one in events[key]] == list(range(1, deal.seq + 1))
        made = [(one.number, one.price) for event in events[key] if (one := offer_made(event))]
        assert made == offers[key]
        assert [number for number, _ in made] == list(range(1, deal.offers + 1))
        assert running.get(key, {}) == {one.timer: one.due_at for one in running_timers(deal)}
    for conversation in story.conversations:
        assert sum(one.is_open for one in deals.values() if one.conversation == conversation) <= 1
    for user in ("ann", "bob", "eve", ""):
        live = [one for one in database.events if not user or user in one[1]]
        again = replayed(database, user, start, size)
        assert comparable(again, user) == comparable(live, user)


def comparable(told: list[Any], user: str) -> list[Any]:
    """The notifications of a user or an internal service, in an order independent of arrival."""
    found = [
        (
            revision,
            changed.event.service,
            changed.event.seq,
            recipients,
            changed.entry(user)[1:],
            tuple(changed.view(one) for one in recipients if one == user),
        )
        for revision, recipients, changed in told
    ]
    return sorted(found, key=lambda one: one[:3])
