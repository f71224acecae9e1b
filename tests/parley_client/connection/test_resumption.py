"""The resume of one socket: what is asked, what is kept, and when it is told."""

from typing import Any

import pytest

from parley_client.connection.resumption import Resumption, Steps
from parley_client.packets import Packet
from parley_protocol.packets import Op
from parley_protocol.payloads.connection import Hello, Resumed


class Log:
    """The steps that a resumption has taken, in order."""

    def __init__(self, seen: str | None) -> None:
        self.steps: list[tuple[str, Any]] = []
        self.resumption = Resumption(
            seen,
            limit=10,
            steps=Steps(
                push=lambda packet: self.note("push", packet.data["message"]["seq"]),
                reset=lambda reason, _cursor: self.note("reset", reason),
                move=lambda cursor: self.note("move", cursor),
                ask=lambda cursor: self.note("ask", cursor),
                caught_up=lambda: self.note("caught up", None),
                place_lost=lambda: self.note("place lost", None),
            ),
        )

    def note(self, step: str, what: Any) -> None:
        self.steps.append((step, what))

    def take(self) -> list[tuple[str, Any]]:
        """The steps since this was asked last."""
        steps, self.steps = self.steps, []
        return steps


def hello(cursor: str, *, resumed: bool = False) -> Hello:
    return Hello("ann", "s", 5_000, 30_000, 65_536, "2099-01-01T00:00:00Z", resumed, cursor)


def alert(seq: int) -> Packet:
    return Packet(Op.ALERT_NEW_MSG, {"conversation": "k1", "message": {"seq": seq}})


@pytest.fixture
def behind() -> Log:
    """A socket whose server could not follow the cursor in the address."""
    log = Log("old")
    log.resumption.greeted(hello("new"))
    assert log.take() == [("ask", "old")]
    return log


def test_what_comes_before_resumed_is_told_with_it_and_in_order(behind: Log) -> None:
    """What happens now may come before what was missed."""
    for seq in (3, 1, 2):
        behind.resumption.push(alert(seq))
    assert behind.take() == []
    behind.resumption.resumed(1, Resumed(3, complete=True, cur="third"))
    assert behind.take() == [
        *(("push", seq) for seq in (1, 2, 3)),
        ("move", "third"),
        ("caught up", None),
    ]


def test_a_place_that_is_lost_while_it_is_asked_for_is_asked_for_once_more(behind: Log) -> None:
    """After the answer, and not beside it: two answers at once would bring everything twice."""
    behind.resumption.resumed(None, Resumed(0, complete=False, cur="lost"))
    behind.resumption.push(alert(1))
    assert behind.take() == []
    behind.resumption.resumed(1, Resumed(1, complete=True, cur="first"))
    assert behind.take() == [("ask", "old")]
    behind.resumption.resumed(2, Resumed(1, complete=True, cur="second"))
    assert behind.take() == [("push", 1), ("move", "second"), ("caught up", None)]


def test_a_place_that_is_lost_later_is_asked_for(behind: Log) -> None:
    """From where this client is; and only when that cannot be complete is everything forgotten."""
    behind.resumption.resumed(1, Resumed(0, complete=True, cur="first"))
    behind.take()
    behind.resumption.resumed(None, Resumed(0, complete=False, cur="lost"))
    assert behind.take() == [("place lost", None), ("ask", "first")]
    behind.resumption.resumed(2, Resumed(0, complete=False, cur="found"))
    assert behind.take() == [("reset", "incomplete"), ("move", "found"), ("caught up", None)]


def test_a_refused_cursor_is_one_of_another_server(behind: Log) -> None:
    """It goes on from where that one stands."""
    behind.resumption.refused()
    assert behind.take() == [("reset", "cursor"), ("move", "new"), ("caught up", None)]
