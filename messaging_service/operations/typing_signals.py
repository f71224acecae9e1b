"""Typing signals, which are told to the other of a conversation and stored nowhere."""

from collections.abc import Sequence

from sqlalchemy import Connection

from messaging_service.domain.events import Typing
from messaging_service.domain.refusals import conversation_not_found, sanctioned
from messaging_service.storage.conversations import find_conversations
from service_kit.follow.sanctions import find_forbidden
from service_kit.rules import Refusal, check_user, is_identifier
from service_kit.storage.writer import Events


def send_typing(
    connection: Connection, signals: Sequence[Typing], now: int
) -> list[Events | Refusal]:
    """Decide which signals are told, and to whom; `now` is in milliseconds UTC.

    Gives the events to publish of each, or its refusal.
    """
    ids = {one.conversation_id for one in signals if is_identifier(one.conversation_id)}
    conversations = find_conversations(connection, ids)
    forbidden = find_forbidden(connection, {one.user for one in signals}, ids, now)
    outcomes: list[Events | Refusal] = []
    for signal in signals:
        refusal = check_user("actor", signal.user)
        conversation = conversations.get(signal.conversation_id)
        if refusal is None and not (conversation and conversation.is_shown_to(signal.user)):
            refusal = conversation_not_found()
        # To stop is nothing that a sanction could forbid.
        if signal.typing and refusal is None:
            why = forbidden.why(signal.user, signal.conversation_id)
            refusal = sanctioned(why) if why else None
        if refusal is not None or conversation is None:
            outcomes.append(refusal or conversation_not_found())
        elif conversation.blocked:
            # Across a block nothing is told, and whoever types does not learn it.
            outcomes.append([])
        else:
            outcomes.append([((conversation.peer(signal.user).user,), signal)])
    return outcomes
