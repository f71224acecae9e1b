"""A provider that answers with quotes: it proposes, bargains, delivers and rates by itself.

Whatever it does follows from one message or one state of a deal, and bears an idempotency key made
of that. So it may be killed at any moment: the next process is told again what was not handled to
its end, does it again, and nothing happens twice.
"""

import argparse
import asyncio
import shlex
import signal
import tomllib
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from parley_client import (
    ActionNotAllowedError,
    Client,
    Conversation,
    Deal,
    DealChanged,
    ExpiredError,
    Failed,
    Message,
    NewMessage,
    Price,
    RejectedError,
    Reset,
    SqliteStore,
    StaleOfferError,
    StateChanged,
)


@dataclass(frozen=True)
class Offered:
    """Something that the bot sells."""

    title: str
    words: tuple[str, ...]
    price: Price
    least: Price

    def is_asked_for(self, text: str) -> bool:
        """Whether a text has one of the words."""
        return any(word in text.casefold() for word in self.words)

    def counter_to(self, offer_number: int) -> Price:
        """Give the price to answer an offer with: half of the way down first, then all of it."""
        if offer_number > 2:
            return self.least
        middle = (self.price.amount_minor + self.least.amount_minor) // 2
        return Price(middle, self.price.currency, self.price.exponent)


def read_services(path: Path) -> list[Offered]:
    """Read what is sold. Raises KeyError, ValueError where the file is not as it should be."""
    read = tomllib.loads(path.read_text("utf-8"))
    currency, exponent = read["currency"], read["exponent"]
    return [
        Offered(
            one["title"],
            tuple(word.casefold() for word in one["words"]),
            Price.parse(one["price"], currency, exponent),
            Price.parse(one["least"], currency, exponent),
        )
        for one in read["services"]
    ]


class Bot:
    """The answers to events, one after the other."""

    def __init__(self, client: Client, services: list[Offered]) -> None:
        self._client = client
        self._services = services

    async def run(self) -> None:
        """Answer until the client is closed."""
        events = self._client.events()
        await self._client.wait_for("live")
        await self._catch_up()
        async for event in events:
            match event:
                case NewMessage(message=message):
                    await self._answer(message)
                case DealChanged(deal=deal):
                    await self._bargain(deal)
                case Reset():
                    await self._catch_up()
                case StateChanged(state=state, reason=reason):
                    print(state, reason or "")
                case Failed(error=error):
                    print("failed:", error)

    async def _catch_up(self) -> None:
        """Do what is due, whatever was missed: at a start, or when it was too much to be told."""
        async for conversation in self._client.conversations():
            if conversation.unread:
                await self._answer_all(conversation)
        async for deal in self._client.deals(open_only=True):
            await self._bargain(deal)

    async def _answer_all(self, conversation: Conversation) -> None:
        handle = self._client.conversation(conversation.conversation)
        async for message in handle.messages(after=conversation.read_up_to):
            await self._answer(message)

    async def _answer(self, message: Message) -> None:
        """Quote for what a message asks for, or say what there is."""
        if message.sender == self._client.user or message.text is None:
            return
        conversation = self._client.conversation(message.conversation)
        asked_for = next((one for one in self._services if one.is_asked_for(message.text)), None)
        if asked_for is None:
            titles = ", ".join(one.title for one in self._services)
            key = f"help-{message.message}"
            await self._try(conversation.send(f"I can do this: {titles}.", key=key), key)
        else:
            key = f"quote-{message.message}"
            quote = conversation.propose(
                role="provider", title=asked_for.title, price=asked_for.price, key=key
            )
            await self._try(quote, key)
        await self._try(conversation.mark_read(message.seq))

    async def _bargain(self, deal: Deal) -> None:
        """Take the step that is the bot's in this state of a deal, if one is."""
        if deal.provider != self._client.user:
            return
        handle, name = self._client.deal(deal.service), deal.service
        sold = next((one for one in self._services if one.title == deal.title), None)
        offer = deal.live_offer
        if offer is not None and deal.can("accept") and sold is not None:
            if offer.price.amount_minor >= sold.least.amount_minor:
                key = f"accept-{name}-{offer.number}"
                await self._try(handle.accept(offer, key=key), key)
            else:
                key = f"counter-{name}-{offer.number}"
                price = sold.counter_to(offer.number)
                await self._try(handle.counter(offer, price, key=key), key)
        elif deal.agreed is not None and deal.can("deliver"):
            # The work of a bot is done at once.
            key = f"deliver-{name}-{deal.agreed.version}-{deal.reopenings}"
            await self._try(handle.deliver(key=key), key)
        elif deal.state == "completed" and deal.can("submit_note"):
            key = f"note-{name}"
            await self._try(handle.submit_note(5, key=key), key)

    async def _try(self, step: Awaitable[object], key: str | None = None) -> None:
        """Take a step. One that is refused, or that could not be sent for a day, is dropped: the
        other person was faster, and the event that tells of that brings the next step.
        """
        try:
            await step
        except StaleOfferError as error:
            await self._bargain(error.current)
        except (ActionNotAllowedError, ExpiredError, RejectedError) as error:
            print("refused:", error)
        else:
            return
        if key is not None:
            # Its words are the bot's own, and nobody needs them any more.
            await self._client.outbox.discard(key)


async def run_for_token(command: str) -> str:
    """Ask a program for a token: its output."""
    process = await asyncio.create_subprocess_exec(
        *shlex.split(command), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the command for a token ended with {process.returncode}")
    return printed.decode().strip()


async def serve(arguments: argparse.Namespace) -> None:
    """Run the bot until SIGTERM or SIGINT."""
    services = read_services(arguments.services)

    async def token(reason: str) -> str:
        print("asks for a token:", reason)
        return await run_for_token(arguments.token_command)

    running = asyncio.current_task()
    if running is None:
        raise RuntimeError("not in a task")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    store = SqliteStore(arguments.store)
    with suppress(asyncio.CancelledError):
        async with Client(arguments.url, token=token, store=store) as client:
            await Bot(client, services).run()


def main() -> None:
    """Read the arguments, and serve."""
    parser = argparse.ArgumentParser(description="Answers with quotes.")
    parser.add_argument("--url", nargs="+", default=["ws://127.0.0.1:8080/ws"])
    parser.add_argument("--token-command", required=True, help="a program that prints a token")
    parser.add_argument("--store", type=Path, default=Path("bot.db"))
    here = Path(__file__).parent
    parser.add_argument("--services", type=Path, default=here / "services.toml")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
