"""Evidence: messages with all texts that are kept of them."""

from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service.domain.message_changes import Version, unseen_version, withheld_version
from messaging_service.domain.messages import Message
from messaging_service.domain.refusals import message_not_found
from messaging_service.operations.conversations import find_visible
from messaging_service.storage.message_changes import find_versions
from messaging_service.storage.messages import (
    find_messages,
    find_messages_after,
    find_messages_before,
)
from service_kit.pages import NEWEST
from service_kit.rules import Refusal, invalid, is_identifier


class Evidence(NamedTuple):
    """A message, and its earlier texts; also the last one, if it is not shown.

    A `suppressed` message was ever shown to its author alone. A text that is `withheld` is a later
    one that is shown to the author alone.
    """

    message: Message
    versions: list[Version]
    suppressed: bool
    withheld: Version | None


class EvidencePage(NamedTuple):
    """Evidence of one conversation in ascending seq, its participants, and its subject."""

    evidence: list[Evidence]
    participants: tuple[str, str]
    subject: str


def list_evidence(
    connection: Connection,
    message_id: str,
    conversation_id: str,
    before: int,
    after: int,
    most: int,
    actor: str = "",
) -> EvidencePage | Refusal:
    """Read a message and those around it, or the newest of a conversation, as evidence.

    With an actor it is for a participant alone.
    """
    for field, count in (("before", before), ("after", after)):
        if count < 0:
            return invalid(field, "is negative")
    if bool(message_id) == bool(conversation_id):
        return invalid("message_id", "or `conversation_id` must be given, and not both")
    before, after = min(before, most), min(after, most)
    if message_id:
        wanted = filter(is_identifier, (message_id,))
        message = find_messages(connection, wanted).get(message_id)
        if message is None or (actor and not message.is_shown_to(actor)):
            return message_not_found()
        conversation = find_visible(connection, actor, message.conversation_id)
        if isinstance(conversation, Refusal):
            return message_not_found()
        found = find_messages_before(connection, conversation.id, message.seq, before)[::-1]
        found += (message, *find_messages_after(connection, conversation.id, message.seq, after))
    else:
        if after:
            return invalid("after", "goes with `message_id` only")
        conversation = find_visible(connection, actor, conversation_id)
        if isinstance(conversation, Refusal):
            return conversation
        # What the actor is not shown at the end must not push out what is complained about.
        end = conversation.side(actor).last_seq + 1 if actor else NEWEST
        found = find_messages_before(connection, conversation_id, end, before)[::-1]
    versions = find_versions(connection, [one.id for one in found])
    for one in found:
        if unseen := unseen_version(one):
            versions[one.id].append(unseen)
    evidence = [
        Evidence(one, versions[one.id], one.suppressed, withheld_version(one)) for one in found
    ]
    participants = (conversation.first.user, conversation.second.user)
    return EvidencePage(evidence, participants, conversation.subject)
