"""Lanes: which commands are sent one after the other."""

from collections.abc import Iterable
from unicodedata import normalize

from msgspec import UNSET, Struct

from parley_protocol.objects import Kind, Objects, Shown
from parley_protocol.payloads import messaging, moderation, negotiation


def lane_of(payload: Struct, key: str, objects: Objects) -> str:
    """Name the lane of a command: of its conversation, deal or dispute, or its own."""
    match payload:
        case messaging.CreateMsg(conversation=str(conversation)):
            return of_conversation(conversation)
        case messaging.CreateMsg(to=str(person), subject=subject):
            return of_person(person, subject if isinstance(subject, str) else None)
        case messaging.EditMsg(message=message) | messaging.DeleteMsg(message=message):
            shown = objects.of(Kind.MESSAGE, message)
            known = None if shown is None else shown.content.get("conversation")
            return of_conversation(known) if known else f"message {message}"
        case messaging.BlockUser(user=user):
            return f"block {user}"
        case negotiation.ServiceCreated(conversation=conversation):
            return f"deals {conversation}"
        case (
            negotiation.PriceEdited(service=service)
            | negotiation.NegotiationEnd(service=service)
            | negotiation.ServiceTerminated(service=service)
            | negotiation.NoteSubmitted(service=service)
            | moderation.LitigeCreated(service=service)
        ):
            return f"service {service}"
        case moderation.LitigeStatement(dispute=dispute):
            return f"dispute {dispute}"
    return f"key {key}"


_PERSON, _CONVERSATION = "person ", "conversation "


def of_conversation(conversation: str) -> str:
    """Name the lane of a conversation."""
    return _CONVERSATION + conversation


def of_person(person: str, subject: str | None) -> str:
    """Name the lane of what is written to a person, until the conversation is known."""
    return normalize("NFC", f"{_PERSON}{person}\n{subject or ''}")


class Lanes:
    """Lanes that turned out to be one: those of a person and of the conversation.

    Of no more than `limit` conversations; the one that was learned first is forgotten first.
    """

    def __init__(self, limit: int) -> None:
        # The lane of the conversation by that of the person, and the other way round.
        self._same: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._limit = limit

    def of(self, lane: str) -> str:
        """Give the one name of a lane."""
        return self._same.get(lane, lane)

    def held_by(self, lane: str) -> tuple[str, ...]:
        """Name what a command of a lane waits for, if one before it in the outbox `holds` that.

        Somebody to whom one writes may be whom an unknown conversation is with, such as after a
        restart: as long as that is open, either waits for the other.
        """
        if lane.startswith(_PERSON):
            return lane, _CONVERSATION
        return (lane, _PERSON) if self._is_open(lane) else (lane,)

    def holds(self, lane: str) -> tuple[str, ...]:
        """Name what a command of a lane holds for those behind it."""
        if lane.startswith(_PERSON):
            return lane, _PERSON
        return (lane, _CONVERSATION) if self._is_open(lane) else (lane,)

    def _is_open(self, lane: str) -> bool:
        return lane.startswith(_CONVERSATION) and lane not in self._known

    def _are_one(self, person: str, conversation: str) -> None:
        lane = of_conversation(conversation)
        self._same[person], self._known[lane] = lane, person
        if len(self._known) > self._limit:
            oldest = next(iter(self._known))
            self._same.pop(self._known.pop(oldest), None)

    def learn(self, user: str, shown: Iterable[Shown]) -> None:
        """Take note of the conversations among what was shown."""
        for one in shown:
            if one.kind is Kind.CONVERSATION and one.content.get("participants"):
                others = [name for name in one.content["participants"] if name != user]
                if len(others) == 1:
                    self._are_one(of_person(others[0], one.content.get("subject")), one.key[0])

    def opened(self, sent: Struct, conversation: object) -> None:
        """Take note in which conversation a message to a person was stored."""
        if isinstance(sent, messaging.CreateMsg) and isinstance(sent.to, str):
            subject = None if sent.subject is UNSET else sent.subject
            if isinstance(conversation, str):
                self._are_one(of_person(sent.to, subject), conversation)
