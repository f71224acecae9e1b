"""Each check of what a device told finds what it is there for, and nothing where all is well."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from conformance import checks
from conformance.adapter import AdapterError, Refused
from conformance.device import Intent, Reign, Told
from conformance.person import Books

TALK = "talk"


def message(seq: int, text: str = "hello", sender: str = "bob", **more: Any) -> dict[str, Any]:
    return {
        "seq": seq,
        "message": f"id-{seq}",
        "sender": sender,
        "text": text,
        "created_at": "2026-01-01T00:00:10.000Z",
        **more,
    }


def books(*messages: dict[str, Any], **more: Any) -> Books:
    return Books({TALK: list(messages)}, more.get("services", {}), more.get("disputes", {}), [])


def view(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"conversations": {TALK: {"messages": list(messages)}}, **more}


def told(*events: dict[str, Any], process: int = 1, at: float = 0) -> list[Told]:
    return [Told(at, process, event) for event in events]


def heard(seq: int, sender: str = "bob") -> dict[str, Any]:
    return {
        "event": "message",
        "conversation": TALK,
        "seq": seq,
        "message": f"id-{seq}",
        "sender": sender,
    }


def only(findings: Iterable[str]) -> str:
    (finding,) = findings
    return finding


def test_a_view_that_is_the_history_passes() -> None:
    both = message(1), message(2, "more")
    assert list(checks.check_view(view(*both), books(*both))) == []
    assert list(checks.check_fresh(view(both[1]), books(*both))) == []


@pytest.mark.parametrize(
    ("shown", "finding"),
    [
        ([message(1)], "lacks"),
        ([message(1), message(2), message(3)], "too many"),
        ([message(1), message(2), message(2)], "more than once"),
        ([message(2), message(1)], "another order: [2, 1]"),
        ([message(1), message(2, "another text")], "lacks"),
    ],
    ids=["lost", "more", "twice", "order", "text"],
)
def test_a_view_that_is_not_the_history_is_found(shown: list[dict[str, Any]], finding: str) -> None:
    assert finding in only(checks.check_view(view(*shown), books(message(1), message(2))))


def test_a_conversation_on_one_side_alone_is_found() -> None:
    lacking = checks.check_view({"conversations": {}}, books(message(1)))
    assert "known to the server alone" in only(lacking)


def test_a_stale_deal_is_found() -> None:
    old = {"state": "offered", "version": 1, "offer": {"number": 1, "price": {}}}
    new = {"state": "agreed", "version": 2}
    held = books(message(1), services={"deal": new})
    shown = view(message(1), deals={"deal": old})
    assert "deal deal is" in only(checks.check_view(shown, held))
    assert "deal deal is" in only(checks.check_fresh(shown, held))


def test_a_stale_dispute_and_another_block_are_found() -> None:
    held = books(message(1), disputes={"one": {"state": "open", "version": 2}})
    shown = view(
        message(1), disputes={"one": {"state": "pending_hold", "version": 1}}, blocks=["eve"]
    )
    found = list(checks.check_view(shown, held))
    assert any("dispute one is" in one for one in found)
    assert any("blocks ['eve'] are []" in one for one in found)


def test_a_message_that_no_push_has_changed_is_found() -> None:
    gone = message(1, tombstone="deleted")
    assert "message (1," in only(checks.check_fresh(view(message(1)), books(gone)))


def test_events_in_order_pass() -> None:
    events = told(heard(1), heard(3, "ann"), heard(2), heard(4))
    assert list(checks.check_order(events, "ann")) == []


def test_an_event_told_twice_is_found() -> None:
    assert "told twice" in only(checks.check_order(told(heard(1), heard(1)), "ann"))


def test_an_event_out_of_order_is_found() -> None:
    found = checks.check_order(told(heard(2), heard(1)), "ann")
    assert "message 1 of talk was told after 2" in only(found)


def test_after_a_reset_it_may_be_told_again() -> None:
    events = told(heard(2), {"event": "reset"}, heard(1), heard(2))
    assert list(checks.check_order(events, "ann")) == []


def test_a_state_of_no_name_and_an_event_after_the_end_are_found() -> None:
    assert "is no state" in only(checks.check_states(told({"event": "state", "state": "odd"})))
    late = told({"event": "state", "state": "closed"}, heard(1))
    assert "after the state closed" in only(checks.check_states(late))


LIVE = {"event": "state", "state": "live"}
# When the messages of these books were stored.
STORED = 1_767_225_610.0


def untold(reigns: list[Reign], lives: list[Told], *events: Told) -> list[str]:
    return list(checks.check_told([*lives, *events], reigns, books(message(1)), "ann"))


def test_a_message_that_no_event_told_is_found() -> None:
    reigns = [Reign(1, STORED - 10, None, resumes=False)]
    lives = told(LIVE, at=STORED - 9)
    assert "was not told" in only(untold(reigns, lives))
    assert untold(reigns, lives, *told(heard(1), at=STORED)) == []


def test_with_a_store_what_came_between_two_processes_is_due() -> None:
    lives = [*told(LIVE, at=STORED - 9), *told(LIVE, process=2, at=STORED + 5)]
    first = Reign(1, STORED - 10, STORED - 5, resumes=False)
    assert untold([first, Reign(2, STORED + 4, None, resumes=False)], lives) == []
    stored = [first, Reign(2, STORED + 4, None, resumes=True)]
    assert "was not told" in only(untold(stored, lives))


def test_before_a_reset_nothing_is_due() -> None:
    reigns = [Reign(1, STORED - 10, None, resumes=False)]
    lives = told(LIVE, at=STORED - 9)
    assert untold(reigns, lives, *told({"event": "reset"}, at=STORED + 1)) == []


def test_another_sender_is_found() -> None:
    found = checks.check_texts(told(heard(1, "eve")), books(message(1)))
    assert "was told as of eve" in only(found)


async def intended(
    text: str, result: Any = None, error: Exception | None = None, *, ended: bool = True
) -> Intent:
    outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    if error is not None:
        outcome.set_exception(error)
        outcome.exception()
    elif ended:
        outcome.set_result(result)
    return Intent(text, 1, 0, durable=True, outcome=outcome)


def intents_of(*intents: Intent, held: Books, queued: bool = True, kept: str = "") -> list[str]:
    texts = {(1, one.text) for one in intents} if queued else set()
    return list(checks.check_intents(intents, held, "ann", texts, {kept}))


def mine(seq: int, text: str) -> dict[str, Any]:
    return message(seq, text, "ann")


async def test_what_is_stored_once_and_in_order_passes() -> None:
    given = [
        await intended("one", {"conversation": TALK, "seq": 1}),
        await intended("two", {"conversation": TALK, "seq": 2}),
    ]
    assert intents_of(*given, held=books(mine(1, "one"), mine(2, "two"))) == []


async def test_what_is_stored_twice_is_found() -> None:
    given = await intended("one", {"conversation": TALK, "seq": 1})
    assert "stored 2 times" in only(intents_of(given, held=books(mine(1, "one"), mine(2, "one"))))


async def test_another_order_is_found() -> None:
    given = [
        await intended("one", {"conversation": TALK, "seq": 2}),
        await intended("two", {"conversation": TALK, "seq": 1}),
    ]
    found = intents_of(*given, held=books(mine(1, "two"), mine(2, "one")))
    assert "'two' is stored before" in only(found)


async def test_a_wrong_answer_is_found() -> None:
    given = await intended("one", {"conversation": TALK, "seq": 7})
    assert "was answered as" in only(intents_of(given, held=books(mine(1, "one"))))


async def test_what_is_stored_though_it_was_refused_is_found() -> None:
    given = await intended("one", error=Refused({"type": "NotFound", "message": "-"}))
    assert "is stored, and was answered by" in only(intents_of(given, held=books(mine(1, "one"))))
    assert intents_of(given, held=books()) == []


async def test_what_is_never_answered_is_found() -> None:
    waiting = await intended("one", ended=False)
    assert "never answered" in only(intents_of(waiting, held=books(mine(1, "one"))))
    late = await intended("one", error=TimeoutError())
    assert "not answered in time" in only(intents_of(late, held=books(mine(1, "one"))))


async def test_what_a_killed_process_had_stored_is_not_to_be_lost() -> None:
    killed = await intended("one", error=AdapterError("the adapter has ended"))
    assert "is lost with the process" in only(intents_of(killed, held=books()))
    assert intents_of(killed, held=books(), queued=False) == []
    assert intents_of(killed, held=books(), kept="one") == []
    assert intents_of(killed, held=books(mine(1, "one"))) == []
