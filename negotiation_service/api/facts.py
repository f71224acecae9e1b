"""The facts about commands that other services know: who takes part where, and who blocks whom."""

from collections.abc import Sequence

from uuid_utils import uuid7

from negotiation_service.clients.messaging import Messaging, Parties
from negotiation_service.domain.commands import CreateService, PartyCommand
from negotiation_service.domain.facts import NO_FACTS, Facts
from negotiation_service.operations.queries import find_conversations_to_ask
from service_kit.follow.sanctions import LOCKED
from service_kit.rules import Refusal
from service_kit.storage.readers import Readers
from service_kit.storage.writer import UnexpectedFailure


class FactFinder:
    """Asks messaging about proposals, and about words: who is blocked is not heard."""

    def __init__(self, readers: Readers, messaging: Messaging) -> None:
        self._readers = readers
        self._messaging = messaging

    async def find(
        self, commands: Sequence[PartyCommand], seconds_left: float | None
    ) -> list[Facts | Refusal | UnexpectedFailure]:
        """Find the facts of each command; what hinders it where they are not found."""
        found: list[Facts | Refusal | UnexpectedFailure] = [NO_FACTS] * len(commands)
        worded = [number for number, one in enumerate(commands) if one.words]
        if not worded:
            return found
        conversations = await self._readers.run_each(
            find_conversations_to_ask, [commands[number] for number in worded]
        )
        asked: list[tuple[int, str]] = []
        for number, conversation in zip(worded, conversations, strict=True):
            if isinstance(conversation, UnexpectedFailure):
                found[number] = conversation
            elif conversation:
                asked.append((number, conversation))
        if not asked:
            return found
        answers = await self._messaging.batch_get_parties(
            [(commands[number].actor, conversation) for number, conversation in asked],
            seconds_left,
        )
        for (number, _), answer in zip(asked, answers, strict=True):
            found[number] = _facts(commands[number], answer)
        return found


def _facts(command: PartyCommand, found: Parties | Refusal) -> Facts | Refusal:
    if isinstance(found, Refusal):
        return found
    if isinstance(command, CreateService):
        # In the words of a lock, to both alike, so that nobody learns who blocks whom.
        forbidden = LOCKED if found.blockers else ""
        return Facts(forbidden, str(uuid7()), found.participants)
    return Facts(
        blocks=command.actor in found.blockers, blocked=bool(found.blockers - {command.actor})
    )
