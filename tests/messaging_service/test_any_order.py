"""One history, told by live streams, resumes and pages in any order: the same in the end.

Real operations on a real database, and what the edge makes packets of; a client keeps of each
object the newest version.
"""

import random
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins
from parley.messaging.v1 import messaging_pb2 as pb
from sqlalchemy import Engine
from uuid_utils import uuid7

from edge.cursors import MESSAGING
from edge.push.render import render
from edge.translation.messaging import conversation_payload, message_payload
from messaging_service.api import translation
from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.limits import Limits
from messaging_service.domain.watermarks import Mark
from messaging_service.operations.blocks import set_block
from messaging_service.operations.changes import list_changes
from messaging_service.operations.conversations import list_conversations
from messaging_service.operations.message_changes import change_messages
from messaging_service.operations.messages import create_message, list_messages
from messaging_service.operations.presence import Attend, SetInvisible, attend, set_invisible
from messaging_service.operations.removals import follow_moderation
from messaging_service.operations.watermarks import mark_delivered, mark_read
from parley_protocol.objects import Kind, Objects
from parley_protocol.packets import Op
from parley_protocol.payloads import messaging as payloads
from service_kit.follow.sanctions import Removal, RestrictionChanges
from service_kit.rules import Position
from service_kit.storage.clock import read_position
from tests.messaging_service.commands import deleted, edited, said
from tests.support.examples import on_one_database
from tests.support.serving import Database, replay

PEOPLE = 3
LIMITS = Limits(openings_per_hour=10_000, edits_per_message=10_000)
STEPS = (
    "say",
    "say",
    "edit",
    "edit",
    "delete",
    "remove",
    "restore",
    "block",
    "unblock",
    "come",
    "go",
    "hide",
    "show",
    "read",
    "deliver",
)
step = st.tuples(
    st.sampled_from(STEPS),
    st.integers(0, PEOPLE - 1),
    st.integers(0, PEOPLE - 1),
    st.integers(0, 9),
)
history = st.lists(st.lists(step, min_size=1, max_size=5), max_size=12)

# An opcode and the payload as plain values, as a client reads a packet.
Packet = tuple[int, dict[str, Any]]


class Town:
    """A few people, what happened to them, and what each was told of it, live and in answers."""

    def __init__(self, engine: Engine) -> None:
        self.database = Database(engine)
        suffix = uuid7()
        self.people = [f"{name}-{suffix}" for name in "abc"[:PEOPLE]]
        self.packets: dict[str, list[Packet]] = {user: [] for user in self.people}
        # Where a client of each may have been cut off: the position, and the packets until then.
        self.places: list[tuple[Position, dict[str, int]]] = []
        self.messages: list[Any] = []
        self.moderation = -1

    def happen(self, transaction: list[Any]) -> None:
        """Carry out steps, all of one kind in one transaction."""
        for kind in dict.fromkeys(one[0] for one in transaction):
            self._do(kind, [one for one in transaction if one[0] == kind])
        told = {user: len(packets) for user, packets in self.packets.items()}
        self.places.append((self.database.read(read_position), told))

    def _do(self, kind: str, steps: list[Any]) -> None:
        pairs = [(self.people[a], self.people[b], n) for _, a, b, n in steps]
        match kind:
            case "say":
                commands = [said(a, str(n), to=b) for a, b, n in pairs if a != b]
                for outcome in self._run(partial(create_message, LIMITS), commands):
                    if hasattr(outcome, "message") and hasattr(outcome, "duplicate"):
                        self.messages.append(outcome.message)
            case "edit" | "delete" if self.messages:
                chosen = [self.messages[n % len(self.messages)] for _, _, n in pairs]
                self._run(
                    partial(change_messages, LIMITS),
                    [
                        edited(one.id, f"{place}-{n}", actor=one.sender)
                        if kind == "edit"
                        else deleted(one.id, actor=one.sender)
                        for place, (one, (_, _, n)) in enumerate(zip(chosen, pairs, strict=True))
                    ],
                )
            case "remove" | "restore" if self.messages:
                self.moderation += 1
                chosen = [self.messages[n % len(self.messages)] for _, _, n in pairs]
                removals = tuple(
                    Removal(one.conversation_id, one.id, kind == "remove") for one in chosen
                )
                # Its clock is of no matter here, but for going on.
                place = Position(str(self.people), self.moderation)
                self._run(follow_moderation, [RestrictionChanges(place, (), removals)])
            case "block" | "unblock":
                self._run(
                    partial(set_block, LIMITS, presence=True),
                    [SetBlock(a, b, kind == "block", "") for a, b, _ in pairs if a != b],
                )
            case "come" | "go":
                now = self.database.now
                self._run(
                    partial(attend, 500),
                    [Attend(a, here=kind == "come", at=now) for a, _, _ in pairs],
                )
            case "hide" | "show":
                self._run(set_invisible, [SetInvisible(a, kind == "hide") for a, _, _ in pairs])
            case "read" | "deliver":
                operation = mark_read if kind == "read" else mark_delivered
                self._run(
                    operation,
                    [
                        Mark(a, self.messages[n % len(self.messages)].conversation_id, n, "")
                        for a, _, n in pairs
                        if self.messages
                    ],
                )

    def _run(self, operation: Any, commands: list[Any]) -> list[Any]:
        if not commands:
            return []
        before = len(self.database.events)
        outcomes = self.database.run(operation, *commands)
        for _, recipients, event in self.database.events[before:]:
            made = translation.event(recipients, event)
            for user in recipients:
                if user in self.packets:
                    self.packets[user] += packets_of(made, user)
        return outcomes

    def missed(self, user: str, after: Position, size: int) -> list[Packet]:
        """Tell what a resume brings."""
        until = self.database.read(read_position)
        read = partial(self.database.read, list_changes, user, after, until, size)
        told = replay(lambda token: read(token, 500, 500))
        events = [translation.event((user,), event) for _, event in told]
        return [packet for event in events for packet in packets_of(event, user)]

    def pages(self, user: str) -> list[Packet]:
        """Tell what the list of conversations and all histories show."""
        read = partial(self.database.read, partial(list_conversations, presence=True))
        views = [
            translation.conversation(view, user) for view in read(user, 100, "", 100).conversations
        ]
        shown = [
            packet(Op.RETURN_CONVERSATIONS, payloads.ReturnConversations([one]))
            for one in (conversation_payload(view, user) for view in views)
        ]
        for view in views:
            page = self.database.read(list_messages, user, view.id, None, None, 200, 200)
            messages = [message_payload(translation.message(one, user)) for one in page.messages]
            returned = payloads.ReturnMessages(view.id, messages, more=False)
            shown.append(packet(Op.RETURN_MESSAGES, returned))
        return shown


def packet(op: Op, payload: Any) -> Packet:
    return op.value, to_builtins(payload)


def packets_of(event: pb.Event, user: str) -> list[Packet]:
    alert = render(MESSAGING, event, user)
    return [] if alert is None else [packet(alert.op, alert.payload)]


def known_after(user: str, packets: list[Packet]) -> Objects:
    known = Objects(user)
    for op, data in packets:
        known.take(op, data)
    return known


def contents(known: Objects) -> dict[Any, Any]:
    """All that is known, but for what a client does not show."""
    hidden = {
        (Kind.PRESENCE, key)
        for (kind, key), shown in known.items()
        if kind is Kind.BLOCK and shown.content["blocked"]
    }
    return {place: shown.content for place, shown in known.items() if place not in hidden}


def agree(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    """Tell whether two know the same of whatever both know."""
    return all(
        one[place].get(name) == other[place].get(name)
        for place in one.keys() & other.keys()
        for name in one[place].keys() & other[place].keys()
    )


@on_one_database
@given(history, st.integers(1, 4), st.randoms(use_true_random=False))
def test_packets_in_any_order_end_as_a_fresh_read(
    engine: Engine, plan: list[list[Any]], size: int, order: random.Random
) -> None:
    """Live packets, pages read meanwhile and resumes from anywhere, shuffled."""
    town = Town(engine)
    start = town.database.read(read_position)
    read: dict[str, list[Packet]] = {user: [] for user in town.people}
    for transaction in plan:
        town.happen(transaction)
        reader = order.choice(town.people)
        read[reader] += town.pages(reader)
    for user in town.people:
        fresh = known_after(user, town.pages(user))
        resumed = [
            one
            for after in {start, *(place for place, _ in town.places)}
            for one in town.missed(user, after, size)
        ]
        packets = [*town.packets[user], *read[user], *resumed, *town.pages(user)]
        order.shuffle(packets)
        known = known_after(user, packets)
        assert {one: contents(known)[one] for one in contents(fresh)} == contents(fresh)


@on_one_database
@given(history, st.integers(1, 4))
def test_live_and_replay_tell_the_same(engine: Engine, plan: list[list[Any]], size: int) -> None:
    """From every place: who was there all the time and who resumes know the same in the end; and a
    resume tells of nothing that neither the stream has told nor the list shows.
    """
    town = Town(engine)
    start = town.database.read(read_position), dict.fromkeys(town.people, 0)
    for transaction in plan:
        town.happen(transaction)
    for user in town.people:
        fresh = contents(known_after(user, town.pages(user)))
        live = contents(known_after(user, town.packets[user]))
        assert agree(live, fresh)
        for after, told in (start, *town.places):
            before = town.packets[user][: told[user]]
            again = contents(known_after(user, before + town.missed(user, after, size)))
            # Watermarks and messages that no list shows are told by both alike.
            assert again.keys() >= live.keys()
            assert again.keys() <= live.keys() | fresh.keys()
            assert agree(again, live)
            assert agree(again, fresh)
