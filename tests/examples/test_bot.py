"""The bot of the examples, as a process, against a real system, with a person who bargains."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from parley_client import (
    Client,
    ConversationHandle,
    Deal,
    DealChanged,
    EventStream,
    NewMessage,
    Offer,
    Options,
    Price,
)
from tests.support.system import System
from tests.support.waiting import PATIENCE

BOT = Path(__file__).resolve().parents[2] / "examples" / "bot" / "bot.py"
ASKED = "Could you translate a letter for me?"


@pytest.fixture(scope="session")
def bot_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system for these tests alone, for its edge is killed."""
    with System(tmp_path_factory.mktemp("bot"), openings_per_hour=10_000) as system:
        system.start("negotiation", "messaging", ping_interval_seconds=0.2)
        yield system


class Rosa:
    """The bot, which may be started and killed any number of times."""

    def __init__(self, system: System, folder: Path) -> None:
        self.name = f"rosa-{uuid4().hex[:8]}"
        self._system = system
        self._folder = folder
        self._token = folder / "token"
        self._token.write_text(system.token(self.name))
        self._output = (folder / "output").open("ab")
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        show = f"import pathlib; print(pathlib.Path({str(self._token)!r}).read_text())"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-u", BOT, "--url", self._system.url),
                *("--token-command", f'{sys.executable} -c "{show}"'),
                *("--store", self._folder / "rosa.db"),
            ],
            stdout=self._output,
            stderr=self._output,
            env=os.environ,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._output.close()


@pytest.fixture
def rosa(bot_system: System, tmp_path: Path) -> Iterator[Rosa]:
    """The bot, started."""
    bot = Rosa(bot_system, tmp_path)
    bot.start()
    yield bot
    bot.close()


class Ann:
    """Somebody who asks and bargains."""

    def __init__(self, client: Client, bot: str) -> None:
        self.client = client
        self.talk: ConversationHandle = client.conversation_with(bot)
        self._events: EventStream = client.events()

    async def told(self, cause: str) -> Deal:
        """Wait until this has happened to a deal, and give the deal."""
        async with asyncio.timeout(PATIENCE):
            async for event in self._events:
                if isinstance(event, DealChanged) and event.cause == cause:
                    return event.deal
        raise AssertionError("the client was closed")

    async def heard(self) -> str:
        """Wait for a text of the bot."""
        async with asyncio.timeout(PATIENCE):
            async for event in self._events:
                if not isinstance(event, NewMessage) or event.message.text is None:
                    continue
                if event.message.sender != self.client.user:
                    return event.message.text
        raise AssertionError("the client was closed")

    async def deals(self) -> list[Deal]:
        return [one async for one in self.client.deals(conversation=self.talk.conversation)]


@pytest.fixture
async def ann(bot_system: System, rosa: Rosa) -> AsyncIterator[Ann]:
    """Ann, who has not written yet."""
    async with AsyncExitStack() as stack:
        name = f"ann-{uuid4().hex[:8]}"
        # She comes back at once after each kill.
        options = Options(backoff_cap_seconds=0.2)
        client = Client(bot_system.url, token=bot_system.token(name), options=options)
        await stack.enter_async_context(client)
        yield Ann(client, rosa.name)


def offer_of(deal: Deal) -> Offer:
    assert deal.live_offer is not None
    return deal.live_offer


async def test_it_quotes_bargains_delivers_and_rates(ann: Ann, rosa: Rosa) -> None:
    """From the question to the notes; it does not go below the least that it takes."""
    await ann.talk.send(ASKED)
    quoted = await ann.told("created")
    assert (quoted.title, str(offer_of(quoted).price)) == ("Translate a letter", "120.00 EUR")
    await ann.talk.deal.counter(offer_of(quoted), Price(5000, "EUR"))
    first = await ann.told("countered")
    while offer_of(first).by == ann.client.user:
        first = await ann.told("countered")
    assert str(offer_of(first).price) == "105.00 EUR"
    await ann.talk.deal.counter(offer_of(first), Price(8999, "EUR"))
    second = await ann.told("countered")
    while offer_of(second).by == ann.client.user:
        second = await ann.told("countered")
    assert str(offer_of(second).price) == "90.00 EUR"
    await ann.talk.deal.counter(offer_of(second), Price(9000, "EUR"))
    agreed = await ann.told("agreed")
    assert agreed.agreed is not None
    assert agreed.agreed.price == Price(9000, "EUR")
    await ann.told("delivered")
    await ann.talk.deal.reopen("A page is missing")
    await ann.told("delivered")
    await ann.talk.deal.complete()
    await ann.talk.deal.submit_note(5)
    revealed = await ann.told("notes_revealed")
    assert revealed.notes is not None
    assert revealed.notes.theirs is not None
    assert revealed.notes.theirs.score == 5
    assert rosa.stop() == 0


async def test_it_says_what_there_is(ann: Ann) -> None:
    """To whom asks for something else."""
    await ann.talk.send("Can you fly?")
    assert await ann.heard() == "I can do this: Translate a letter, Proofread a text."


async def test_what_was_asked_while_it_was_away_is_answered(ann: Ann, rosa: Rosa) -> None:
    """Also at its very first start, when it has no position to resume from."""
    rosa.kill()
    await ann.talk.send(ASKED)
    rosa.start()
    await ann.told("created")


@pytest.mark.parametrize("victim", ["bot", "edge", "both"])
async def test_it_survives_a_kill_without_a_doubled_quote(
    ann: Ann, rosa: Rosa, bot_system: System, victim: str
) -> None:
    """Killed as soon as Ann sees the quote, or that her price is accepted, and started again; the
    bot alone also before and after it has answered a price.
    """
    edge = bot_system.edges[0]

    def strike() -> None:
        if victim != "edge":
            rosa.kill()
        if victim != "bot":
            edge.stop(signal.SIGKILL)
            edge.start()
            bot_system.wait_ready(edge)
        if victim != "edge":
            rosa.start()

    async def struck(*, again: bool = False) -> None:
        # An edge takes its time to start, so it is killed at fewer moments.
        if not again or victim == "bot":
            await asyncio.to_thread(strike)

    await ann.talk.send("I need a translation")
    quoted = await ann.told("created")
    await struck()
    await ann.talk.deal.counter(offer_of(quoted), Price(8000, "EUR"))
    await struck(again=True)
    countered = await ann.told("countered")
    while offer_of(countered).by == ann.client.user:
        countered = await ann.told("countered")
    await struck(again=True)
    await ann.talk.deal.counter(offer_of(countered), Price(10000, "EUR"))
    await ann.told("agreed")
    await struck()
    await ann.told("delivered")
    await ann.talk.deal.complete()
    # What the bot says now comes after all that it was told before.
    await ann.talk.send("Can you fly?")
    await ann.heard()
    (deal,) = await ann.deals()
    causes = [event.cause async for event in ann.client.deal(deal.service).history()]
    assert causes == [
        *("created", "countered", "countered", "countered"),
        *("agreed", "delivered", "completed"),
    ]
    texts = [one.text async for one in ann.talk.messages() if one.text is not None]
    assert len(texts) == 3
