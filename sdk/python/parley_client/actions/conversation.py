"""The methods of a conversation: words, marks, reports, and proposals of deals."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from unicodedata import normalize

from parley_client.actions.asking import Asking, optional, read, read_all
from parley_client.actions.deal import DealHandle
from parley_client.actions.marks import ReadMarks
from parley_client.errors import NoConversationError, NoDealError
from parley_client.views.deals import Deal, Role
from parley_client.views.messaging import Conversation, Message, ReadMark, Receipt, Revision
from parley_client.views.moderation import Report
from parley_client.views.price import Price
from parley_protocol.payloads import messaging
from parley_protocol.payloads.moderation import ReportConversations, ReportMsg, ReportReason
from parley_protocol.payloads.negotiation import AskServices, ServiceCreated


@dataclass(frozen=True, slots=True)
class History:
    """A page of messages, ascending by `seq`. `more`: there are further ones the way asked."""

    messages: tuple[Message, ...]
    more: bool


class ConversationHandle:
    """A conversation to write in: `client.conversation(id)`, or `client.conversation_with(user)`.

    The one with a person need not exist yet: the first message opens it. What else is done there
    finds it by the list of conversations, and raises NoConversationError while there is none.

    `key` is the idempotency key of a command, if the application keeps its own.
    """

    def __init__(
        self,
        client: Asking,
        marks: ReadMarks,
        conversation: str | None,
        to: str = "",
        subject: str | None = None,
    ) -> None:
        self._client = client
        self._marks = marks
        self._conversation = conversation
        self._to = normalize("NFC", to)
        self._subject = None if subject is None else normalize("NFC", subject)

    @property
    def conversation(self) -> str | None:
        """Its id; None for one with a person as long as it is not known."""
        if self._conversation is None:
            self._conversation = self._client.objects.find_conversation(self._to, self._subject)
        return self._conversation

    @property
    def shown(self) -> Conversation | None:
        """The newest that was shown of it; None where nothing was, or parts alone."""
        conversation = self.conversation
        return None if conversation is None else self._client.objects.conversation(conversation)

    @property
    def deal(self) -> DealHandle:
        """Its open deal, or else the latest."""
        return DealHandle(self._client, self._find_deal, self._known_deal)

    # Messages.

    async def send(self, text: str, *, key: str | None = None) -> Receipt:
        """Say something (CREATE MSG). It returns once the message is stored, also when that takes
        any number of sockets; to cancel the wait does not cancel the message.
        """
        conversation = self.conversation
        if conversation is not None:
            payload = messaging.CreateMsg(text, conversation)
        else:
            payload = messaging.CreateMsg(text, to=self._to, subject=optional(self._subject))
        stored = read(Receipt.read, (await self._client.command(payload, key=key)).data)
        self._conversation = stored.conversation
        return stored

    async def edit(self, message: Message | str, text: str, *, key: str | None = None) -> Revision:
        """Give one's own message another text (EDIT MSG). A message is named by its id, too."""
        payload = messaging.EditMsg(_id_of(message), text)
        return read(Revision.read, (await self._client.command(payload, key=key)).data)

    async def delete(self, message: Message | str, *, key: str | None = None) -> Revision:
        """Take one's own message back, for good (DELETE MSG)."""
        payload = messaging.DeleteMsg(_id_of(message))
        return read(Revision.read, (await self._client.command(payload, key=key)).data)

    async def history(
        self, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> History:
        """Read a page of messages (ASK MESSAGES): the newest, or those with a seq below `before`
        or above `after` (0: from the beginning), of which at most one is given.
        """
        conversation = await self._find()
        question = messaging.AskMessages(conversation, optional(before), optional(after), limit)
        data = (await self._client.ask(question)).data
        return History(read_all(Message.read, data, "messages"), data.get("more") is True)

    async def messages(self, *, after: int = 0) -> AsyncIterator[Message]:
        """Read all messages with a seq above `after`, in order."""
        page = await self.history(after=after, limit=_LONGEST_PAGE)
        while True:
            for message in page.messages:
                yield message
            if not page.more or not page.messages:
                return
            page = await self.history(after=page.messages[-1].seq, limit=_LONGEST_PAGE)

    async def mark_read(self, seq: int | None = None) -> ReadMark:
        """Mark everything up to `seq` as read, or all there is (OPENED CONVERSATION), and give
        where the mark stands. Many marks at once become one packet.
        """
        return await self._marks.mark(await self._find(), seq)

    def typing(self, typing: bool = True) -> bool:  # noqa: FBT001, FBT002 - reads as said
        """Tell the other that this user types, or no longer (TYPING); again every few seconds.

        Nothing is stored, and nobody waits: False when it could not be sent now.
        """
        conversation = self.conversation
        if conversation is None:
            return False
        return self._client.tell(messaging.SendTyping(conversation, typing))

    async def report(
        self, reason: ReportReason, comment: str | None = None, *, key: str | None = None
    ) -> Report:
        """Report the conversation to moderators (REPORT CONVERSATIONS)."""
        payload = ReportConversations(await self._find(), reason, optional(comment))
        return read(Report.read, (await self._client.command(payload, key=key)).data)

    async def report_message(
        self,
        message: Message | str,
        reason: ReportReason,
        comment: str | None = None,
        *,
        key: str | None = None,
    ) -> Report:
        """Report a message to moderators (REPORT MSG)."""
        payload = ReportMsg(_id_of(message), reason, optional(comment))
        return read(Report.read, (await self._client.command(payload, key=key)).data)

    # Deals.

    async def propose(
        self,
        *,
        role: Role,
        title: str,
        price: Price,
        description: str | None = None,
        offer_ttl_s: int | None = None,
        key: str | None = None,
    ) -> Deal:
        """Propose a deal at a price (SERVICE CREATED); `role` is the user's own in it.

        `offer_ttl_s` is for how many seconds the offer stands, where not as long as usual.
        """
        payload = ServiceCreated(
            await self._find(),
            role,
            title,
            price.money,
            optional(description),
            optional(offer_ttl_s),
        )
        reply = await self._client.command(payload, key=key)
        return read(Deal.read, reply.data.get("service"))

    # How it is found.

    async def _find(self) -> str:
        """Give the id. Raises NoConversationError."""
        if self.conversation is None:
            page: str | None = None
            while True:
                question = messaging.AskConversations(_LONGEST_LIST, optional(page))
                data = (await self._client.ask(question)).data
                page = data.get("next")
                if self.conversation is not None or page is None:
                    break
        conversation = self.conversation
        if conversation is None:
            raise NoConversationError(self._to, self._subject)
        return conversation

    def _known_deal(self) -> Deal | None:
        conversation = self.conversation
        return None if conversation is None else self._client.objects.deal_of(conversation)

    async def _find_deal(self) -> str:
        """Give the id of the open deal that is known, or else ask. Raises NoDealError."""
        deal = self._known_deal()
        if deal is None or not deal.is_open:
            # There may be a newer one that was not shown yet.
            conversation = await self._find()
            await self._client.ask(AskServices(conversation, limit=1))
            deal = self._known_deal()
            if deal is None:
                raise NoDealError(conversation)
        return deal.service


_LONGEST_PAGE = 200
_LONGEST_LIST = 100


def _id_of(message: Message | str) -> str:
    return message if isinstance(message, str) else message.message
