"""The conversations that a list of commands concerns, as found and as they become."""

from collections.abc import Iterable, Mapping, Sequence

from uuid_utils import uuid7

from messaging_service.domain.conversations import Conversation, open_conversation, renumber
from messaging_service.domain.message_changes import count_tombstone
from messaging_service.domain.messages import Message
from messaging_service.domain.refusals import conversation_not_found
from messaging_service.storage import conversations as storage
from messaging_service.storage.messages import insertion_of
from service_kit.rules import Refusal
from service_kit.storage.bulk_statements import bulk_write
from service_kit.storage.writer import Transaction


class WorkingSet:
    """Conversations by id, each with what the commands before have made of it; to be stored once.

    Given those that were found; those that are opened are added.
    """

    def __init__(self, transaction: Transaction, found: Iterable[Conversation]) -> None:
        self.by_id = {one.id: one for one in found}
        self._transaction = transaction
        self._opened: set[str] = set()
        self._changed: set[str] = set()
        self._changed_rarely: set[str] = set()

    def of(self, user: str, conversation_id: str) -> Conversation | Refusal:
        """Give a conversation to one who takes part in it."""
        conversation = self.by_id.get(conversation_id)
        if conversation is None or not conversation.is_shown_to(user):
            return conversation_not_found()
        return conversation

    def open(
        self, pair: tuple[str, str], subject: str, opened_by: str, blocked: Mapping[str, int]
    ) -> Conversation:
        """Open a conversation, in which somebody may have `blocked` the other before."""
        now, revision = self._transaction.now, self._transaction.revision
        opened = open_conversation(str(uuid7()), pair, subject, opened_by, now, revision, blocked)
        self.by_id[opened.id] = opened
        self._opened.add(opened.id)
        return opened

    def change(self, conversation: Conversation) -> None:
        """Note the new state of a conversation that was found or opened."""
        if storage.differ_rarely(self.by_id[conversation.id], conversation):
            self._changed_rarely.add(conversation.id)
        self.by_id[conversation.id] = conversation
        self._changed.add(conversation.id)

    def change_message(self, before: Message, after: Message) -> Conversation:
        """Note that a message was changed; give its conversation."""
        revision = self._transaction.revision
        around = self.by_id[after.conversation_id]
        counted = renumber(around, count_tombstone(around, before, after))
        changed = counted._replace(revision=revision, last_change=revision)
        self.change(changed)
        return changed

    def store(self, created: Sequence[Message] = ()) -> None:
        """Write all that is new, with the messages that were created in it."""
        changed = self._changed - self._opened
        if self._opened or changed:
            self._transaction.touch()
        connection = self._transaction.connection
        storage.insert_conversations(connection, [self.by_id[one] for one in sorted(self._opened)])
        rarely = self._changed_rarely - self._opened
        storage.update_rarely(connection, [self.by_id[one] for one in sorted(rarely)])
        bulk_write(
            connection,
            storage.update_of([self.by_id[one] for one in sorted(changed)]),
            insertion_of(created),
        )
