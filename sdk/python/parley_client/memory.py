"""The memory of what a client was shown: the newest of each object, also as views.

`parley_protocol.objects` has the rule by which of two showings the newer is found. This adds a
limit, and finds the deals and the last message of a conversation.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from parley_client.views.deals import Deal
from parley_client.views.disputes import Dispute
from parley_client.views.messaging import Block, Conversation, Message, Presence
from parley_client.views.view import Data, UnreadableError
from parley_protocol.objects import Kind, Objects, Shown

Read = TypeVar("Read")

_Place = tuple[Kind, tuple[Any, ...]]


class Memory(Objects):
    """The objects that were shown, at most `limit`: what was shown last is forgotten last."""

    def __init__(self, user: str, limit: int) -> None:
        super().__init__(user)
        self._limit = limit
        # The conversations by person and subject; by conversation its deals, and the seq of its
        # last message with the message.
        self._with: dict[tuple[str, str], str] = {}
        self._deals: dict[str, set[str]] = {}
        self._last: dict[str, tuple[int, str]] = {}

    def take(self, op: int, data: Data) -> list[Shown]:
        """Take in a packet; give what it has changed of what is known, as it is known now."""
        changed = super().take(op, data)
        for shown in changed:
            place = (shown.kind, shown.key)
            self[place] = self.pop(place)
            self._enter(shown)
        while len(self) > self._limit:
            self._forget(next(iter(self)))
        return changed

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._with.clear()
        self._deals.clear()
        self._last.clear()

    def _enter(self, shown: Shown) -> None:
        conversation = str(shown.content.get("conversation"))
        if shown.kind is Kind.CONVERSATION:
            self._with |= dict.fromkeys(self._names(shown), shown.key[0])
        elif shown.kind is Kind.SERVICE:
            self._deals.setdefault(conversation, set()).add(shown.key[0])
        elif shown.kind is Kind.MESSAGE:
            last = (shown.content["seq"], shown.key[0])
            self._last[conversation] = max(last, self._last.get(conversation, last))

    def _forget(self, place: _Place) -> None:
        shown = self.pop(place)
        conversation = str(shown.content.get("conversation"))
        if shown.kind is Kind.CONVERSATION:
            for name in self._names(shown):
                self._with.pop(name, None)
        elif shown.kind is Kind.SERVICE:
            deals = self._deals[conversation]
            deals.discard(shown.key[0])
            if not deals:
                del self._deals[conversation]
        elif shown.kind is Kind.MESSAGE and self._last[conversation][1] == shown.key[0]:
            del self._last[conversation]

    def _names(self, shown: Shown) -> list[tuple[str, str]]:
        """Give the names under which a conversation is found, if its people were shown."""
        subject = shown.content.get("subject") or ""
        people = shown.content.get("participants") or ()
        return [(person, subject) for person in people if person != self.user]

    # Views. Each is None for what was never shown, or of which not enough was to read it.

    def deal(self, service: str) -> Deal | None:
        """Give a deal by its id."""
        return _view(Deal.read, self.of(Kind.SERVICE, service))

    def deals(self, conversation: str) -> Iterator[Deal]:
        """Give all deals of a conversation that were shown."""
        for service in self._deals.get(conversation, ()):
            if (deal := self.deal(service)) is not None:
                yield deal

    def deal_of(self, conversation: str) -> Deal | None:
        """Give the open deal of a conversation, or else the latest one."""
        return max(
            self.deals(conversation),
            key=lambda deal: (deal.is_open, deal.created_at),
            default=None,
        )

    def dispute(self, dispute: str) -> Dispute | None:
        """Give a dispute by its id."""
        return _view(self.read_dispute, self.of(Kind.DISPUTE, dispute))

    def read_dispute(self, data: Data) -> Dispute:
        """Read a dispute, whose prices have the decimals of its deal where that is known."""
        deal = self.of(Kind.SERVICE, data.get("service"))
        exponent = None if deal is None else deal.content.get("exponent")
        return Dispute.read({**data, "exponent": exponent})

    def message(self, message: str) -> Message | None:
        """Give a message by its id; None also where a change of it alone was told."""
        return _view(Message.read, self.of(Kind.MESSAGE, message))

    def conversation(self, conversation: str) -> Conversation | None:
        """Give a conversation by its id; None also where not all of it was shown."""
        return _view(self._read_conversation, self.of(Kind.CONVERSATION, conversation))

    def _read_conversation(self, data: Data) -> Conversation:
        conversation, participants = data["conversation"], data.get("participants") or ()
        peer = next((one for one in participants if one != self.user), self.user)
        deal = self.deal_of(conversation)
        block = _view(Block.read, self.of(Kind.BLOCK, peer))
        blocked = block is not None and block.blocked
        presence = None if blocked else self.of(Kind.PRESENCE, peer)
        last = self._last.get(conversation)
        told = {
            **data,
            "last_message": None if last is None else self.message(last[1]),
            "read_up_to": self._seq(Kind.READ, conversation, self.user),
            "peer_read_up_to": self._seq(Kind.READ, conversation, peer),
            "peer_delivered_up_to": self._seq(Kind.DELIVERED, conversation),
            "presence": _view(Presence.read, presence),
            "blocked": blocked,
            "block": block,
        }
        return replace(Conversation.read(told), deal=deal, dispute=self._holding(deal))

    def find_conversation(self, person: str, subject: str | None) -> str | None:
        """Give the id of the conversation with a person about a subject."""
        return self._with.get((person, subject or ""))

    def newest(self, kind: Kind, key: str, data: Data) -> Data:
        """Give the payload that shows an object, with what was shown since in its place."""
        shown = self.of(kind, data.get(key))
        if shown is None or shown.version <= data.get("version", 0):
            return data
        return {**data, **_whole(shown)}

    def _holding(self, deal: Deal | None) -> Dispute | None:
        return None if deal is None or deal.hold is None else self.dispute(deal.hold.dispute)

    def _seq(self, kind: Kind, *key: str) -> int:
        shown = self.of(kind, *key)
        return 0 if shown is None else shown.content["seq"]


def _whole(shown: Shown) -> dict[str, Any]:
    named = {} if shown.kind is not Kind.CONVERSATION else {"conversation": shown.key[0]}
    return {**named, **shown.content, "version": shown.version}


def _view(reader: Callable[[Data], Read], shown: Shown | None) -> Read | None:
    try:
        return None if shown is None else reader(_whole(shown))
    except UnreadableError:
        return None
