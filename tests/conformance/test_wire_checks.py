"""Each check of a line finds what it is there for, and nothing where all is well."""

from collections.abc import Iterable
from typing import Any

from conformance import wire_checks
from conformance.wire import Kind, Passed
from parley_protocol.packets import Op


def passed(kind: Kind, connection: int = 1, at: float = 0, *, op: int = 0, **more: Any) -> Passed:
    detail, status = more.pop("detail", ""), more.pop("status", 0)
    packet = {"op": op, **more} if op else {}
    return Passed(at, connection, kind, packet, detail, status)


def opened(connection: int = 1, path: str = "/ws", at: float = 0) -> list[Passed]:
    return [
        passed("opened", connection, at, detail=path),
        passed("answered", connection, at, status=101),
    ]


def hello(connection: int = 1, cur: str = "c0", *, resumed: bool = False) -> Passed:
    return passed("<=", connection, op=Op.HELLO, d={"cur": cur, "resumed": resumed})


def pong(cur: str, connection: int = 1) -> Passed:
    return passed("=>", connection, op=Op.PONG, d={"cur": cur})


def alert(cur: str, connection: int = 1) -> Passed:
    return passed("<=", connection, op=Op.ALERT_NEW_MSG, d={}, cur=cur)


def sent(op: Op, key: str | None, connection: int = 1, **payload: Any) -> Passed:
    d = payload if key is None else {**payload, "idempotency_key": key}
    return passed("=>", connection, op=op, d=d)


def only(findings: Iterable[str]) -> str:
    (finding,) = findings
    return finding


def test_a_sound_line_passes() -> None:
    line = [
        *opened(),
        hello(),
        sent(Op.CREATE_MSG, "k", text="a"),
        alert("c1"),
        pong("c1"),
        passed("ended", 1, 1, detail="reset"),
        *opened(2, "/ws?resume=c1", 2),
        hello(2, "", resumed=True),
        sent(Op.CREATE_MSG, "k", 2, text="a"),
        alert("c2", 2),
        passed("<=", 2, op=Op.RESUMED, d={"cur": "c3", "complete": True}, cur="c3"),
        pong("c3", 2),
    ]
    assert list(wire_checks.check_wire(line, [])) == []


def test_a_command_without_a_key_is_found() -> None:
    assert "CREATE_MSG was sent without a key" in only(
        wire_checks.check_keys([sent(Op.CREATE_MSG, None, text="a")])
    )


def test_a_key_for_two_commands_is_found() -> None:
    line = [sent(Op.CREATE_MSG, "k", text="a"), sent(Op.CREATE_MSG, "k", text="b")]
    assert "with the key of another command" in only(wire_checks.check_keys(line))


def test_what_is_sent_before_hello_is_found() -> None:
    line = [*opened(), sent(Op.CREATE_MSG, "k", text="a"), hello()]
    assert "CREATE_MSG was sent before HELLO" in only(wire_checks.check_greeting(line))


def test_a_cursor_that_does_not_cover_what_was_missed_is_found() -> None:
    again = [*opened(), hello(), *opened(2), hello(2, "c5"), alert("c6", 2)]
    for cursor in ("c5", "c6"):
        found = only(wire_checks.check_cursors([*again, pong(cursor, 2)]))
        assert "was confirmed that does not cover" in found
    resumed = [*again, *opened(3, "/ws?resume=c6")]
    assert "was resumed from that does not cover" in only(wire_checks.check_cursors(resumed))


def test_a_cursor_of_a_replay_covers_it_so_far() -> None:
    line = [
        *opened(),
        hello(),
        *opened(2, "/ws?resume=c0"),
        hello(2, "c9", resumed=True),
        alert("c1", 2),
    ]
    assert list(wire_checks.check_cursors([*line, *opened(3, "/ws?resume=c1")])) == []
    found = only(wire_checks.check_cursors([*line, *opened(3, "/ws?resume=c9")]))
    assert "does not cover" in found


def test_an_invented_cursor_is_found() -> None:
    line = [*opened(), hello(), pong("made up")]
    assert "that nobody has given" in only(wire_checks.check_cursors(line))


def test_a_cursor_that_cannot_be_followed_ends_the_resume() -> None:
    refused = passed("<=", 2, op=Op.ERROR, d={"code": "INVALID_ARGUMENT", "retryable": False})
    line = [*opened(), hello(), *opened(2, "/ws?resume=c0"), hello(2, "c5"), refused]
    assert list(wire_checks.check_cursors([*line, pong("c5", 2)])) == []


def test_another_process_begins_anew() -> None:
    line = [*opened(), hello(), passed("killed", 0), *opened(2), hello(2, "c5"), pong("c5", 2)]
    assert list(wire_checks.check_cursors(line)) == []


def test_who_comes_back_too_early_is_found() -> None:
    leave = passed("<=", 1, 10, op=Op.RECONNECT, d={"delay_ms": 2_000})
    assert "before the time of RECONNECT" in only(
        wire_checks.check_pauses([leave, passed("opened", 2, 11)])
    )
    assert list(wire_checks.check_pauses([leave, passed("opened", 2, 12)])) == []
    unread = [leave, passed("ended", 1, 10, detail="reset, => end of stream")]
    assert list(wire_checks.check_pauses([*unread, passed("opened", 2, 11)])) == []
    busy = passed("answered", 1, 10, detail="{'Retry-After': '3'}", status=503)
    assert "Retry-After of 503" in only(wire_checks.check_pauses([busy, passed("opened", 2, 12)]))


def test_a_storm_is_found() -> None:
    quick = [passed("opened", number, number / 100) for number in range(30)]
    assert "30 handshakes within" in only(wire_checks.check_storms(quick))
    slow = [passed("opened", number, number / 10) for number in range(30)]
    assert list(wire_checks.check_storms(slow)) == []


def test_two_sockets_at_once_are_found() -> None:
    both = [*opened(), *opened(2, at=5), passed("ended", 1, 9)]
    assert "socket 2 beside socket 1" in only(wire_checks.check_sockets(both))
    silent = [*opened(), passed("fault", 1, detail="cut silence"), *opened(2, at=5)]
    assert list(wire_checks.check_sockets(silent)) == []
    after = [*opened(), passed("ended", 1, 4), *opened(2, at=5)]
    assert list(wire_checks.check_sockets(after)) == []


def test_a_close_for_a_fault_of_the_client_is_found() -> None:
    line = [passed("ended", 1, detail="<= close 4400, <= end of stream")]
    assert "closed with 4400" in only(wire_checks.check_closes(line, []))
    assert list(wire_checks.check_closes(line, [4400])) == []
