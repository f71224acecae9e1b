"""A client of the storm does as an app does that is told that its resume was not complete."""

import asyncio

import msgspec
import pytest

from bench.driver import Resumed
from bench.measurements import storm
from bench.measurements.storm import Client

INCOMPLETE = Resumed(replayed=0, complete=False, cur="")


class Asking(Client):
    """A client without a socket, which keeps its questions."""

    def __init__(self) -> None:
        super().__init__("ann")
        self.expected = {"one", "two"}
        self.questions: list[tuple[int, dict[str, object]]] = []

    def question(self, op: int, d: dict[str, object]) -> int:
        self.questions.append((op, d))
        return len(self.questions)

    def answer(self, number: int, **page: object) -> None:
        self.on_answer(number, msgspec.Raw(msgspec.json.encode(page)))


@pytest.fixture
async def client() -> Asking:
    return Asking()


async def test_what_a_complete_resume_tells_is_all(client: Asking) -> None:
    """Nothing is asked; it is over with the last of what was missed, and not before RESUMED."""
    client.on_alert("bob", "one", None)
    client.on_alert("bob", "two", None)
    assert not client.caught_up.is_set()
    client.on_resumed(Resumed(replayed=2, complete=True, cur=""))
    assert client.caught_up.is_set()
    assert client.questions == []


async def test_a_resume_that_is_not_complete_is_followed_by_reading(client: Asking) -> None:
    """All conversations, and the messages of each."""
    client.on_resumed(INCOMPLETE)
    client.answer(1, conversations=[{"conversation": "c1"}, {"conversation": "c2"}])
    client.answer(2, conversation="c1", messages=[{"text": "one"}])
    assert not client.caught_up.is_set()
    client.answer(3, conversation="c2", messages=[{"text": "two"}])
    assert client.caught_up.is_set()
    assert [question for _, question in client.questions[1:]] == [
        {"conversation": "c1"},
        {"conversation": "c2"},
    ]
    assert client.resets == 1


async def test_a_refused_question_is_asked_again(
    client: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while; and not once the socket is lost, for then another RESUMED counts."""
    monkeypatch.setattr(storm, "_AGAIN_SECONDS", 0)
    client.on_resumed(INCOMPLETE)
    client.answer(1, code="UNAVAILABLE", message="not now")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert client.questions == [(0x05, {}), (0x05, {})]
    client.answer(2, code="UNAVAILABLE", message="not now")
    client.lost.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(client.questions) == 2


async def test_complete_or_not_what_is_missing_is_waited_for(client: Asking) -> None:
    """A server that says complete and has told nothing is found out by the time that passes."""
    client.on_resumed(Resumed(replayed=0, complete=True, cur=""))
    assert not client.caught_up.is_set()
