"""Checks of the line: mistakes that a client got away with this time.

Each check gives sentences that say what was broken; none where all is well.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from conformance.frames import name_of
from conformance.wire import Passed
from parley_protocol.packets import Op

KEYED = {
    Op.CREATE_MSG,
    Op.EDIT_MSG,
    Op.DELETE_MSG,
    Op.SERVICE_CREATED,
    Op.PRICE_EDITED,
    Op.NEGOTIATION_END,
    Op.SERVICE_TERMINATED,
    Op.NOTE_SUBMITTED,
    Op.LITIGE_CREATED,
    Op.LITIGE_STATEMENT,
    Op.REPORT_MSG,
    Op.REPORT_CONVERSATIONS,
    Op.REPORT_STATEMENT,
    Op.APPEAL,
}
"""The packets with an idempotency key."""

_STORM_HANDSHAKES = 30
_STORM_SECONDS = 2.0
# Clocks of two processes, and a timer that fires a little early.
_EARLY_SECONDS = 0.1
# The codes by which the edge says that the client has broken a rule.
_AT_FAULT = {4102: "was silent", 4400: "sent what are no packets", 4413: "sent too long a packet"}
# Between a socket's end as the client sees it and as the proxy does.
_OVERLAP_SECONDS = 3.0


def check_wire(passed: Sequence[Passed], injected_closes: Sequence[int]) -> Iterator[str]:
    """All checks of a line. The scenario brings about `injected_closes`, which are close codes."""
    yield from check_keys(passed)
    yield from check_greeting(passed)
    yield from check_cursors(passed)
    yield from check_pauses(passed)
    yield from check_storms(passed)
    yield from check_sockets(passed)
    yield from check_closes(passed, injected_closes)


def _payload(one: Passed) -> dict[str, Any]:
    payload = one.packet.get("d")
    return payload if isinstance(payload, dict) else {}


def check_keys(passed: Sequence[Passed]) -> Iterator[str]:
    """A command has a key, and what is sent again with a key is the same."""
    known: dict[str, tuple[int, dict[str, Any]]] = {}
    for one in passed:
        if one.kind != "=>" or one.packet["op"] not in KEYED:
            continue
        name, payload = name_of(one.packet["op"]), _payload(one)
        key = payload.get("idempotency_key")
        if not key:
            yield f"wire: {name} was sent without a key"
        elif known.setdefault(key, (one.packet["op"], payload)) != (one.packet["op"], payload):
            yield f"wire: {name} was sent with the key of another command: {known[key]}"


def check_greeting(passed: Sequence[Passed]) -> Iterator[str]:
    """Nothing is sent before HELLO: until then nobody knows whose socket it is."""
    greeted: set[int] = set()
    for one in passed:
        if one.kind == "<=" and one.packet["op"] == Op.HELLO:
            greeted.add(one.connection)
        elif one.kind == "=>" and one.connection not in greeted:
            yield f"wire: {name_of(one.packet['op'])} was sent before HELLO"


def check_cursors(passed: Sequence[Passed]) -> Iterator[str]:
    """A cursor is one that was given, and none that came before RESUMED on a connection that had
    yet to resume: those do not cover what was missed. Those of a replay cover it so far.
    """
    given: set[str] = set()
    early: set[str] = set()
    resuming: set[int] = set()
    replayed: set[int] = set()
    first = True
    for one in passed:
        if one.kind == "opened":
            cursor = _resume_of(one.detail)
            if cursor is not None:
                resuming.add(one.connection)
                yield from _check_cursor(cursor, "resumed from", given, early)
            elif not first and given:
                # It may ask by RESUME, for as long as it confirms nothing meanwhile.
                resuming.add(one.connection)
            first = False
        elif one.kind == "<=":
            _learn(one, given, early, resuming, replayed)
        elif one.kind == "=>" and one.packet["op"] in {Op.PONG, Op.RESUME}:
            cursor = _payload(one).get("cur")
            verb = "confirmed" if one.packet["op"] == Op.PONG else "resumed from"
            if one.packet["op"] == Op.RESUME:
                resuming.add(one.connection)
            if cursor is not None:
                yield from _check_cursor(cursor, verb, given, early)
        elif one.kind == "killed":
            # Another process may have a store, or have none and begin anew.
            first = True


def _resume_of(path: str) -> str | None:
    found = parse_qs(urlsplit(path).query).get("resume")
    return found[0] if found else None


def _check_cursor(cursor: str, verb: str, given: set[str], early: set[str]) -> Iterator[str]:
    if cursor in early:
        yield f"wire: a cursor was {verb} that does not cover what was missed ({cursor[:12]}...)"
    elif cursor not in given:
        yield f"wire: a cursor was {verb} that nobody has given ({cursor[:12]}...)"


def _learn(
    one: Passed, given: set[str], early: set[str], resuming: set[int], replayed: set[int]
) -> None:
    payload, op = _payload(one), one.packet["op"]
    if op == Op.HELLO and payload.get("resumed") is True:
        replayed.add(one.connection)
    elif one.connection in replayed and "re" not in one.packet:
        # What comes until RESUMED is what was missed, in order.
        resuming.discard(one.connection)
    told = [one.packet.get("cur"), payload.get("cur")]
    # A cursor that could not be followed: the client begins anew.
    given_up = op == Op.ERROR and "re" not in one.packet and not payload.get("retryable")
    if op == Op.RESUMED or (given_up and one.connection in resuming):
        resuming.discard(one.connection)
        early.difference_update(cursor for cursor in told if cursor)
        # All that came before is covered by now.
        given.update(early)
        early.clear()
    for cursor in told:
        if not cursor or cursor in given:
            continue
        if one.connection in resuming:
            early.add(cursor)
        else:
            given.add(cursor)


def check_pauses(passed: Sequence[Passed]) -> Iterator[str]:
    """Nobody who is told when to come back comes before."""
    earliest, reason = 0.0, ""
    for one in passed:
        if one.kind == "<=" and one.packet["op"] == Op.RECONNECT:
            delay = _payload(one).get("delay_ms")
            if isinstance(delay, int):
                earliest, reason = one.at + delay / 1000, "RECONNECT"
        elif one.kind == "answered" and "Retry-After" in one.detail:
            seconds = one.detail.partition("'Retry-After': '")[2].partition("'")[0]
            if seconds.isdigit():
                earliest, reason = one.at + int(seconds), f"Retry-After of {one.status}"
        elif one.kind == "killed" or (one.kind == "ended" and one.detail.startswith("reset")):
            # A reset takes with it what was said and not read.
            earliest = 0.0
        elif one.kind == "opened":
            if one.at < earliest - _EARLY_SECONDS:
                yield f"wire: came back {earliest - one.at:.2f} s before the time of {reason}"
            earliest = 0.0


def check_storms(passed: Sequence[Passed]) -> Iterator[str]:
    """Handshakes do not follow one another without a pause."""
    opened = [one.at for one in passed if one.kind == "opened"]
    for first, last in zip(opened, opened[_STORM_HANDSHAKES - 1 :], strict=False):
        if last - first < _STORM_SECONDS:
            yield f"wire: {_STORM_HANDSHAKES} handshakes within {last - first:.2f} s"
            return


def check_sockets(passed: Sequence[Passed]) -> Iterator[str]:
    """A process has one socket at a time; one on which nothing passes any more may be left."""
    open_: dict[int, float] = {}
    silent: set[int] = set()
    for one in passed:
        if one.kind == "opened":
            left = [number for number in open_ if number not in silent]
            if left:
                later = [other for other in passed if other.kind == "ended"]
                for number in left:
                    ends = [other.at for other in later if other.connection == number]
                    if not ends or ends[0] > one.at + _OVERLAP_SECONDS:
                        yield f"wire: socket {one.connection} beside socket {number}"
        elif one.kind == "answered" and one.status == 101:
            open_[one.connection] = one.at
        elif one.kind == "fault" and ("silence" in one.detail or "close" in one.detail):
            silent.add(one.connection)
        elif one.kind == "ended":
            open_.pop(one.connection, None)
        elif one.kind == "killed":
            open_.clear()


def check_closes(passed: Sequence[Passed], injected: Sequence[int]) -> Iterator[str]:
    """The edge closes no socket for a fault of the client."""
    for one in passed:
        for code, fault in _AT_FAULT.items():
            if one.kind == "ended" and f"<= close {code}" in one.detail and code not in injected:
                yield f"wire: closed with {code}: the client {fault}"
