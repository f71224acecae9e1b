"""Finds the conversation of a packet that names a service, a message or a person instead.

Services know what is locked some moments after the edge has told it. So for those who are kept from
writing in a conversation the edge looks up whether it is that one, and for nobody else.
"""

from collections.abc import Awaitable, Callable

from parley.messaging.v1 import messaging_pb2 as messaging
from parley.negotiation.v1 import negotiation_pb2 as negotiation

from edge.sessions.requests import Request
from edge.sessions.session import Session
from parley_protocol.errors import Error, ErrorCode
from parley_protocol.packets import Activity

# Given the seconds that it may take, the id; empty when there is none.
Find = Callable[[float], Awaitable[str | Error]]


async def refused(session: Session, re: Request, find: Find, seconds: float) -> Error | None:
    """Refuse what a sanction forbids in the conversation that `find` finds."""
    if (error := session.forbidden(re)) is not None:
        return error
    is_found = re.conversation or not session.edge.sanctions.locked(session.user)
    if re.activity is not Activity.WRITE or is_found:
        return None
    found = await find(seconds)
    return found if isinstance(found, Error) else session.forbidden(re.within(found))


def of_service(session: Session, service: str) -> Find:
    """Find the conversation of a service of the user."""

    async def find(seconds: float) -> str | Error:
        backend = session.edge.negotiation
        if backend is None:
            return ""
        request = negotiation.GetServiceRequest(actor=session.user, service_id=service)
        answer = await backend.call("GetService", request, seconds)
        return answer if isinstance(answer, Error) else str(answer.service.conversation_id)

    return find


def of_message(session: Session, message: str) -> Find:
    """Find the conversation of a message that the user is shown."""

    async def find(seconds: float) -> str | Error:
        request = messaging.GetMessagesRequest(actor=session.user, message_ids=[message])
        answer = await session.edge.messaging.call("GetMessages", request, seconds)
        if isinstance(answer, Error):
            return answer
        return "".join(one.conversation_id for one in answer.messages)

    return find


def with_person(session: Session, person: str, subject: str) -> Find:
    """Find the conversation with somebody about a subject, among those that are locked."""

    async def find(seconds: float) -> str | Error:
        for conversation in session.edge.sanctions.locked(session.user):
            found = await session.edge.messaging.parties(conversation, seconds)
            if not isinstance(found, Error):
                if person in found.participants and found.subject == subject:
                    return conversation
            elif found.code != ErrorCode.NOT_FOUND:
                return found
        return ""

    return find
