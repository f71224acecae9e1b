"""Opening conversations, and reading them as a participant or an internal service."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from messaging_service.domain.conversations import (
    Conversation,
    CreateConversation,
    check_create_conversation,
    order,
)
from messaging_service.domain.limits import Limits
from messaging_service.domain.messages import Message
from messaging_service.domain.refusals import conversation_not_found
from messaging_service.operations.presence import ShownPerson, find_shown_people
from messaging_service.operations.working_set import WorkingSet
from messaging_service.storage.blocks import find_blockers
from messaging_service.storage.conversations import (
    conversations_by_pair,
    find_conversation_page,
    find_conversations,
)
from messaging_service.storage.messages import find_messages_at
from service_kit.pages import NEWEST, bounded_size, decode_token, encode_token
from service_kit.rules import Refusal, check_user, invalid, is_identifier
from service_kit.storage.bulk_statements import look_up
from service_kit.storage.writer import Transaction


class CreatedConversation(NamedTuple):
    """A conversation, its last message if any, and whether it is new."""

    conversation: Conversation
    last_message: Message | None
    created: bool


class ConversationView(NamedTuple):
    """A conversation, its last message if any, and what is shown of the other person."""

    conversation: Conversation
    last_message: Message | None
    peer: ShownPerson = ShownPerson(None, None)


class ConversationPage(NamedTuple):
    """Conversations, the newest activity first; an empty token ends the list."""

    conversations: list[ConversationView]
    next_page_token: str


def create_conversation(
    limits: Limits, transaction: Transaction, commands: Sequence[CreateConversation]
) -> list[CreatedConversation | Refusal]:
    """Open or find the conversation of each pair about each subject."""
    refusals = [check_create_conversation(command, limits) for command in commands]
    wanted = [
        (*order(*command.participants), command.subject) if refusal is None else None
        for command, refusal in zip(commands, refusals, strict=True)
    ]
    connection = transaction.connection
    found = look_up(connection, conversations_by_pair([pair for pair in wanted if pair]))
    last = find_messages_at(
        connection, [(one.id, one.last_seq) for one in found.values() if one.last_seq]
    )
    blockers = find_blockers(
        connection, {pair[:2] for pair in wanted if pair and pair not in found}
    )
    working_set = WorkingSet(transaction, ())
    outcomes: list[CreatedConversation | Refusal] = []
    for refusal, pair in zip(refusals, wanted, strict=True):
        if refusal is not None or pair is None:
            outcomes.append(refusal or invalid("participants", "must be exactly two"))
            continue
        conversation = found.get(pair)
        created = conversation is None
        if conversation is None:
            conversation = found[pair] = working_set.open(
                pair[:2], pair[2], opened_by="", blocked=blockers[pair[:2]]
            )
        message = last.get((conversation.id, conversation.last_seq))
        outcomes.append(CreatedConversation(conversation, message, created))
    working_set.store()
    return outcomes


def list_conversations(
    connection: Connection,
    actor: str,
    page_size: int,
    page_token: str,
    most: int,
    *,
    presence: bool = False,
    strangers: bool = False,
) -> ConversationPage | Refusal:
    """Read a page of the conversations of an actor, with `presence` or without; `strangers` are
    shown that of those who have not answered too.
    """
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    if refusal := check_user("actor", actor):
        return refusal
    below = (NEWEST, "")
    if page_token:
        last = decode_token(page_token, 2)
        if isinstance(last, Refusal):
            return last
        below = (last[0], last[1][0])
    found = find_conversation_page(connection, actor, below, count + 1)
    page = found[:count]
    token = encode_token(page[-1].side(actor).activity, page[-1].id) if len(found) > count else ""
    views = _views(connection, page, actor, presence=presence, strangers=strangers)
    return ConversationPage(views, token)


def get_conversation(
    connection: Connection,
    actor: str,
    conversation_id: str,
    *,
    presence: bool = False,
    strangers: bool = False,
) -> ConversationView | Refusal:
    """Read a conversation, with `presence` or without, as in the list."""
    if not conversation_id:
        return invalid("conversation_id", "is missing")
    found = find_visible(connection, actor, conversation_id)
    if isinstance(found, Refusal):
        return found
    return _views(connection, (found,), actor, presence=presence, strangers=strangers)[0]


def batch_get_parties(
    connection: Connection, wanted: Sequence[tuple[str, str]]
) -> list[Conversation | Refusal]:
    """Find conversations by (actor, id), each for a participant."""
    ids = {conversation_id for _, conversation_id in wanted if is_identifier(conversation_id)}
    found = find_conversations(connection, ids)
    return [
        check_user("actor", actor) or _visible(found.get(conversation_id), actor)
        for actor, conversation_id in wanted
    ]


def find_visible(
    connection: Connection, actor: str, conversation_id: str
) -> Conversation | Refusal:
    """Find a conversation for a participant, or for an internal service without an actor."""
    if not is_identifier(conversation_id):
        return conversation_not_found()
    return _visible(find_conversations(connection, (conversation_id,)).get(conversation_id), actor)


def _visible(found: Conversation | None, actor: str) -> Conversation | Refusal:
    if found is None or (actor and not found.is_shown_to(actor)):
        return conversation_not_found()
    return found


def _views(
    connection: Connection,
    found: Sequence[Conversation],
    actor: str,
    *,
    presence: bool,
    strangers: bool,
) -> list[ConversationView]:
    ends = {one.id: one.side(actor).last_seq if actor else one.last_seq for one in found}
    last = find_messages_at(connection, [end for end in ends.items() if end[1]])
    if not actor:
        return [ConversationView(one, last.get((one.id, ends[one.id]))) for one in found]
    shown = find_shown_people(connection, found, actor, presence=presence, strangers=strangers)
    return [
        ConversationView(one, last.get((one.id, ends[one.id])), shown[one.peer(actor).user])
        for one in found
    ]
