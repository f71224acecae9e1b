"""The methods of a client: about conversations, deals, disputes, moderation and people."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct, UnsetType

from parley_client.actions.asking import Asking, optional, read, read_all
from parley_client.actions.conversation import ConversationHandle
from parley_client.actions.deal import DealHandle
from parley_client.actions.dispute import DisputeHandle
from parley_client.actions.marks import ReadMarks
from parley_client.actions.pages import Page, Pages
from parley_client.views.deals import Deal
from parley_client.views.disputes import Dispute
from parley_client.views.messaging import Block, Conversation
from parley_client.views.moderation import Appeal, Report, Standing
from parley_client.views.view import Data
from parley_protocol.payloads import messaging, moderation, negotiation

Item = TypeVar("Item")


class Actions(Asking):
    """The methods of a client, each of which sends a packet of docs/protocol.md.

    Lists come in pages (`Pages`): `async for deal in client.deals()` reads all of them, `limit` is
    for each page. Questions are asked over any number of sockets until they are answered; commands
    go through the outbox, and return when they are done. All raise the errors of
    parley_client/errors.py.
    """

    def __init__(self) -> None:
        self._marks = ReadMarks(self)

    # Conversations.

    def conversation(self, conversation: str) -> ConversationHandle:
        """Give a conversation by its id."""
        return ConversationHandle(self, self._marks, conversation)

    def conversation_with(self, user: str, subject: str | None = None) -> ConversationHandle:
        """Give the conversation with a person about a subject; the first message opens it."""
        return ConversationHandle(self, self._marks, None, user, subject)

    def conversations(self, *, limit: int = 50) -> Pages[Conversation]:
        """All conversations, newest activity first (ASK CONVERSATIONS)."""

        def read_one(data: Data) -> Conversation:
            listed = Conversation.read(data)
            # What was pushed since is newer; the rest of a list stays as it was told.
            return self.objects.conversation(listed.conversation) or listed

        return self._pages(
            lambda page: messaging.AskConversations(limit, page), "conversations", read_one
        )

    # Deals and disputes.

    def deal(self, service: str) -> DealHandle:
        """Give a deal by its id, which packets call a service."""

        async def find() -> str:
            return service

        return DealHandle(self, find, lambda: self.objects.deal(service), service)

    def deals(
        self, *, conversation: str | None = None, open_only: bool = False, limit: int = 20
    ) -> Pages[Deal]:
        """All deals, past ones as well, newest first; or those of a conversation, or those that
        have not ended (ASK SERVICES).
        """
        return self._pages(
            lambda page: negotiation.AskServices(optional(conversation), open_only, limit, page),
            "services",
            Deal.read,
        )

    def dispute(self, dispute: str) -> DisputeHandle:
        """Give a dispute by its id."""
        return DisputeHandle(self, dispute)

    def disputes(
        self, *, service: str | None = None, open_only: bool = False, limit: int = 5
    ) -> Pages[Dispute]:
        """All disputes in which the user is a party, newest first; or those about a deal, or those
        that are not over (ASK DISPUTES).
        """
        return self._pages(
            lambda page: moderation.AskDisputes(optional(service), open_only, limit, page),
            "disputes",
            self.objects.read_dispute,
        )

    # Moderation.

    def reports(self, *, open_only: bool = False, limit: int = 20) -> Pages[Report]:
        """The user's own reports, newest first (ASK REPORTS)."""
        return self._pages(
            lambda page: moderation.AskReports(open_only, limit, page), "reports", Report.read
        )

    async def standing(self) -> Standing:
        """Ask what restricts the user now (ASK STANDING)."""
        return read(Standing.read, (await self.ask(moderation.AskStanding())).data.get("standing"))

    async def appeal(self, decision: str, text: str, *, key: str | None = None) -> Appeal:
        """Ask another moderator to look at a decision again: that of a sanction, or of a report
        (APPEAL).
        """
        reply = await self.command(moderation.SendAppeal(decision, text), key=key)
        return read(Appeal.read, reply.data.get("appeal"))

    def appeals(self, *, limit: int = 20) -> Pages[Appeal]:
        """The user's own appeals, newest first (ASK APPEALS)."""
        return self._pages(lambda page: moderation.AskAppeals(limit, page), "appeals", Appeal.read)

    # People.

    async def block(self, user: str) -> Block:
        """Block another person, in all conversations (BLOCK USER)."""
        return await self._block(user, blocked=True)

    async def unblock(self, user: str) -> Block:
        """Block a person no longer (BLOCK USER)."""
        return await self._block(user, blocked=False)

    async def _block(self, user: str, *, blocked: bool) -> Block:
        reply = await self.command(messaging.BlockUser(user, blocked))
        return read(Block.read, reply.data)

    def blocks(self, *, limit: int = 50) -> Pages[Block]:
        """The people whom the user blocks, newest first (ASK BLOCKS)."""
        return self._pages(lambda page: messaging.AskBlocks(limit, page), "blocks", Block.read)

    def _pages(
        self,
        question: Callable[[str | UnsetType], Struct],
        field: str,
        read_one: Callable[[Data], Item],
    ) -> Pages[Item]:
        """Make the pages of a list, whose items stand in a field of the answer."""

        async def page(name: str | None) -> Page[Item]:
            data = (await self.ask(question(optional(name)))).data
            missing = data.get("missing")
            missing = tuple(missing) if isinstance(missing, list) else ()
            return Page(read_all(read_one, data, field), data.get("next"), missing)

        return Pages(page)
