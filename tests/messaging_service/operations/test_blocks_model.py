"""A model of blocks: two people write, mark and block, and their worlds are compared.

Everything is done three times, by three pairs of people of one database: in the real world, and in
one for each of the two, in which nobody is ever blocked, and nothing is written of what is to be
suppressed for that one. What that one sees must be the same there, but for seqs.
"""

from collections import defaultdict
from typing import Any, NamedTuple
from uuid import uuid4

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.events import (
    BlockChanged,
    Event,
    MessageChanged,
    MessageCreated,
    WatermarkMoved,
)
from messaging_service.domain.limits import Limits
from messaging_service.domain.message_changes import DeleteMessage, EditMessage
from messaging_service.domain.messages import CreateMessage
from messaging_service.domain.refusals import Reason
from messaging_service.domain.service_events import ServiceEvent
from messaging_service.domain.watermarks import Mark
from messaging_service.operations.conversations import get_conversation, list_conversations
from messaging_service.operations.message_changes import ChangedMessage
from messaging_service.operations.messages import StoredMessage, list_messages
from messaging_service.operations.service_events import ServiceEvents, add_service_events
from messaging_service.operations.watermarks import mark_delivered, mark_read
from service_kit.rules import Position
from service_kit.storage.clock import read_position

LIMITS = Limits(openings_per_hour=1_000_000, edits_per_message=1_000)
REAL = "real"
PEOPLE = ("ann", "bob")
OTHER = {"ann": "bob", "bob": "ann"}


class Step(NamedTuple):
    """An act of somebody in a conversation about a subject, on the message of a number."""

    what: str
    who: str
    subject: str
    number: int


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(
            ["say", "say", "say", "edit", "delete", "read", "deliver", "block", "unblock", "deed"]
        ),
        st.sampled_from(PEOPLE),
        st.sampled_from(["x", "y"]),
        st.integers(0, 20),
    ),
    max_size=20,
)


class Written(NamedTuple):
    """A message: its author, and its id and seq in each world in which it exists."""

    subject: str
    author: str
    places: dict[str, tuple[str, int]]


class Worlds:
    """The three worlds, and what must be in them."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.suffix = uuid4().hex[:8]
        self.blocks: set[str] = set()
        self.written: list[Written] = []
        self.conversations: dict[tuple[str, str], str] = {}
        self.numbers: dict[str, int] = {}
        # Where each one's read watermark is shown to the other, and where it is, in the real world.
        self.shown: dict[tuple[str, str], int] = defaultdict(int)
        self.read: dict[tuple[str, str], int] = defaultdict(int)
        self.delivered: dict[tuple[str, str], int] = defaultdict(int)
        begin = ServiceEvents(Position(self.suffix, 0), ())
        database.run(add_service_events, begin)
        self.positions = [database.read(read_position)]

    def user(self, who: str, world: str) -> str:
        return f"{who}-{world}-{self.suffix}"

    def worlds_of(self, author: str) -> list[str]:
        """List the worlds in which `author` writes a message."""
        return [REAL, author] + ([] if OTHER[author] in self.blocks else [OTHER[author]])

    def visible(self, who: str, subject: str) -> list[int]:
        """List the messages that one is shown, by their numbers."""
        return [
            number
            for number, one in enumerate(self.written)
            if one.subject == subject and who in one.places
        ]

    def do(self, step: Step) -> None:
        getattr(self, step.what)(step.who, step.subject, step.number)
        self.positions.append(self.database.read(read_position))

    def say(self, who: str, subject: str, _number: int) -> None:
        text = f"text {len(self.written)}"
        if who in self.blocks:
            to = self.user(OTHER[who], REAL)
            command = CreateMessage(self.user(who, REAL), "", to, subject, text, "", "")
            (refused,) = self.database.say(command, limits=LIMITS)
            assert refused.reason is Reason.BLOCKED
            return
        worlds = self.worlds_of(who)
        commands = [
            CreateMessage(
                self.user(who, world), "", self.user(OTHER[who], world), subject, text, "", ""
            )
            for world in worlds
        ]
        places = {}
        for world, stored in zip(worlds, self.database.say(*commands, limits=LIMITS), strict=True):
            assert isinstance(stored, StoredMessage)
            message = stored.message
            places[world] = (message.id, message.seq)
            self.conversations[world, subject] = message.conversation_id
            self.numbers[message.id] = len(self.written)
        self.written.append(Written(subject, who, places))
        # To its author it looks as in a world without blocks.
        assert places[REAL][1] == 1 + sum(one.subject == subject for one in self.written[:-1])

    def deed(self, who: str, subject: str, _number: int) -> None:
        """Add an event of a deal, which somebody who blocks its author is not shown."""
        if any(not self.visible(one, subject) for one in PEOPLE):
            return
        places: dict[str, tuple[str, int]] = {}
        number = len(self.written)
        events = tuple(
            (
                self.conversations[world, subject],
                ServiceEvent(
                    f"{world}{self.suffix}", number, "created", self.user(who, world), 1, "s", "t"
                ),
            )
            for world in self.worlds_of(who)
        )
        position = Position(self.suffix, number + 1)
        before = len(self.database.events)
        self.database.run(add_service_events, ServiceEvents(position, events))
        for _, to, told in self.database.events[before:]:
            world = to[0].split("-")[1]
            assert len(to) == (1 if world == REAL and OTHER[who] in self.blocks else 2)
            self.numbers[told.message.id] = number
            places[world] = (told.message.id, told.message.seq)
        self.written.append(Written(subject, who, places))

    def edit(self, who: str, subject: str, number: int) -> None:
        self._change(who, subject, number, f"edit {len(self.positions)}")

    def delete(self, who: str, subject: str, number: int) -> None:
        self._change(who, subject, number, None)

    def _change(self, who: str, subject: str, number: int, text: str | None) -> None:
        own = [one for one in self.visible(who, subject) if self.written[one].author == who]
        if not own:
            return
        message = self.written[own[number % len(own)]]
        blocked = text is not None and who in self.blocks
        # An edit is written to nobody who blocks its author; a deletion is for both.
        worlds = list(message.places) if text is None else self.worlds_of(who)
        for world in [REAL] if blocked else [one for one in worlds if one in message.places]:
            id_, actor = message.places[world][0], self.user(who, world)
            command: Any = DeleteMessage(actor, id_, "", "")
            if text is not None:
                command = EditMessage(actor, id_, text, "", "")
            (outcome,) = self.database.change(command, limits=LIMITS)
            assert (
                blocked
                or isinstance(outcome, ChangedMessage)
                or outcome.reason
                in {
                    Reason.EVENT_MESSAGE,
                    Reason.MESSAGE_DELETED,
                }
            )
            assert not blocked or outcome.reason in {Reason.BLOCKED, Reason.EVENT_MESSAGE}

    def read_(self, who: str, subject: str, number: int, operation: Any) -> int:
        """Move a watermark up to a message that one is shown; its place in the real world."""
        shown = self.visible(who, subject)
        if not shown:
            return 0
        end = shown[number % len(shown)]
        for world in (REAL, *PEOPLE):
            seqs = [
                one.places[world][1]
                for one in self.written[: end + 1]
                if one.subject == subject and world in one.places
            ]
            if seqs:
                conversation = self.conversations[world, subject]
                mark = Mark(self.user(who, world), conversation, seqs[-1], "")
                self.database.run(operation, mark)
        return max(
            (
                self.written[one].places[REAL][1]
                for one in shown
                if one <= end and self.written[one].author != who
            ),
            default=0,
        )

    def deliver(self, who: str, subject: str, number: int) -> None:
        place = self.read_(who, subject, number, mark_delivered)
        if who not in self.blocks:
            self.delivered[who, subject] = max(self.delivered[who, subject], place)

    def read_up_to(self, who: str, subject: str, number: int) -> None:
        place = self.read_(who, subject, number, mark_read)
        self.read[who, subject] = max(self.read[who, subject], place)
        if who not in self.blocks and place > self.shown[who, subject]:
            self.shown[who, subject] = self.read[who, subject]
            self.delivered[who, subject] = max(
                self.delivered[who, subject], self.shown[who, subject]
            )

    def block(self, who: str, _subject: str, _number: int) -> None:
        self.set_block(who, blocked=True)

    def unblock(self, who: str, _subject: str, _number: int) -> None:
        self.set_block(who, blocked=False)

    def set_block(self, who: str, *, blocked: bool) -> None:
        before = len(self.database.events)
        user = self.user(OTHER[who], REAL)
        command = SetBlock(self.user(who, REAL), user, blocked=blocked, origin="")
        (outcome,) = self.database.block(command)
        told = self.database.events[before:]
        if blocked == (who in self.blocks):
            assert told == []
        else:
            # Nobody else is told, by anything.
            assert [(to, event) for _, to, event in told] == [((command.actor,), outcome)]
        (self.blocks.add if blocked else self.blocks.discard)(who)

    # What one sees.

    def history(self, who: str, world: str, subject: str) -> list[Any]:
        conversation = self.conversations.get((world, subject))
        if conversation is None:
            return []
        pages: list[Any] = []
        before: int | None = None
        while True:
            page = self.database.read(
                list_messages, self.user(who, world), conversation, before, None, 3, 3
            )
            if not hasattr(page, "messages"):
                assert page.reason is Reason.CONVERSATION_NOT_FOUND
                return []
            pages = [*page.messages, *pages]
            if not page.more:
                return pages
            before = page.messages[0].seq

    def seen(self, who: str, world: str) -> tuple[Any, ...]:
        """All that one is shown, without what differs from world to world."""
        actor = self.user(who, world)
        page = self.database.read(list_conversations, actor, 100, "", 100)
        listed = [
            (
                view.conversation.subject,
                view.conversation.side(actor).unread,
                self.number_at(world, view.conversation.id, view.conversation.side(actor).read_seq),
                view.last_message and self.shown_message(view.last_message),
            )
            for view in page.conversations
        ]
        histories = {
            subject: [self.shown_message(one) for one in self.history(who, world, subject)]
            for subject in "xy"
        }
        live = [
            entry
            for _, to, event in self.database.events
            if actor in to and (entry := self.told(event, actor, to.index(actor)))
        ]
        return listed, histories, live, [self.missed(actor, after) for after in self.positions]

    def missed(self, actor: str, after: Position) -> list[Any]:
        events = self.database.missed_events(actor, after)
        return [entry for one in events if (entry := self.told(one, actor, 0))]

    def told(self, event: Event, actor: str, index: int) -> tuple[Any, ...] | None:
        match event:
            case MessageCreated():
                return ("created", self.shown_message(event.message), event.unread[index])
            case MessageChanged():
                return ("changed", event.change, self.shown_message(event.message))
            case WatermarkMoved() if event.reader == actor:
                return ("read", self.shown_message(event.message))
        # Watermarks of the other are another matter, and blocks there are in the real world alone.
        assert isinstance(event, WatermarkMoved | BlockChanged)
        return None

    def shown_message(self, message: Any) -> tuple[Any, ...]:
        text = message.text if message.kind == "text" else ""
        edited = bool(message.edited_at)
        return (self.numbers[message.id], message.kind, text, edited, message.tombstone)

    def number_at(self, world: str, conversation: str, seq: int) -> int | None:
        return next(
            (
                number
                for number, one in enumerate(self.written)
                if self.conversations.get((world, one.subject)) == conversation
                and one.places.get(world, ("", -1))[1] == seq
            ),
            None,
        )

    def check(self) -> None:
        for who in PEOPLE:
            assert self.seen(who, REAL) == self.seen(who, who)
            for subject in "xy":
                seqs = [one.seq for one in self.history(who, REAL, subject)]
                assert seqs == [
                    self.written[one].places[REAL][1] for one in self.visible(who, subject)
                ]
                if seqs:
                    self.check_watermarks(OTHER[who], who, subject)

    def check_watermarks(self, reader: str, to: str, subject: str) -> None:
        """Check the watermarks of the reader as `to` is shown them: in lists, and by events."""
        name, actor = self.user(reader, REAL), self.user(to, REAL)
        conversation = self.conversations[REAL, subject]
        view = self.database.read(get_conversation, actor, conversation)
        assert view.conversation.side(name).shown_read[0] == self.shown[reader, subject]
        moved: dict[bool, int] = defaultdict(int)
        for _, recipients, event in self.database.events:
            if (
                isinstance(event, WatermarkMoved)
                and (event.reader, event.message.conversation_id) == (name, conversation)
                and actor in recipients
            ):
                moved[event.read] = event.message.seq
        assert moved[True] == self.shown[reader, subject]
        assert max(moved.values()) == self.delivered[reader, subject]
        told = [
            event.message.seq
            for event in self.database.missed_events(actor, self.positions[0])
            if isinstance(event, WatermarkMoved)
            and event.read
            and (event.reader, event.message.conversation_id) == (name, conversation)
        ]
        assert told == ([self.shown[reader, subject]] if self.shown[reader, subject] else [])


@hypothesis_settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=steps)
def test_each_sees_a_world_without_what_is_suppressed(database: Any, plan: list[Step]) -> None:
    """In lists with their order and counts, pages of histories, live events, and what a resume from
    any moment tells. What is shown of the other's watermarks stands still across a block.
    """
    database.events.clear()
    worlds = Worlds(database)
    for step in plan:
        worlds.do(step._replace(what="read_up_to") if step.what == "read" else step)
    worlds.check()
