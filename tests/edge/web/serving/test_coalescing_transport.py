"""Frames of one turn of the loop leave in one write, in order, and nothing is held back."""

import asyncio
from typing import Any

from edge.web.serving.coalescing_transport import CoalescingTransport


class Recorder(asyncio.Transport):
    """A transport that notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def write_eof(self) -> None:
        self.calls.append("eof")

    def get_write_buffer_size(self) -> int:
        return 1000


def opened() -> tuple[Recorder, CoalescingTransport]:
    recorder = Recorder()
    return recorder, CoalescingTransport(recorder, asyncio.get_running_loop())


async def turn() -> None:
    """Return in the next turn of the loop."""
    await asyncio.get_running_loop().run_in_executor(None, int)


async def test_writes_of_one_turn_are_one() -> None:
    """Joined in order at the end of the turn; the next turn begins anew."""
    recorder, transport = opened()
    transport.write(b"a")
    transport.writelines([b"b", b"c"])
    assert recorder.calls == []
    assert transport.get_write_buffer_size() == 1003
    await turn()
    assert recorder.calls == [b"abc"]
    transport.write(b"d")
    await turn()
    assert recorder.calls == [b"abc", b"d"]


async def test_nothing_is_written_to_who_has_vanished_in_the_same_turn() -> None:
    """The loop would log an error for each."""
    recorder, transport = opened()
    transport.write(b"a")
    recorder.closing = True
    await turn()
    assert recorder.calls == []


async def test_much_is_written_at_once() -> None:
    """The protocol learns in time that the peer does not read."""
    recorder, transport = opened()
    transport.write(b"x" * 64 * 1024)
    assert recorder.calls == [b"x" * 64 * 1024]
    transport.write(b"y")
    await turn()
    assert recorder.calls[1:] == [b"y"]


async def test_what_comes_alone_is_written_at_once() -> None:
    """Unless something waits, behind which it belongs, or the peer has vanished."""
    recorder, transport = opened()
    transport.write_alone(b"a")
    assert recorder.calls == [b"a"]
    transport.write(b"b")
    transport.write_alone(b"c")
    assert recorder.calls == [b"a"]
    await turn()
    assert recorder.calls == [b"a", b"bc"]
    recorder.closing = True
    transport.write_alone(b"d")
    assert recorder.calls == [b"a", b"bc"]


async def test_closing_writes_what_waits_first() -> None:
    """A close frame written in the same turn is not lost."""
    recorder, transport = opened()
    transport.write(b"bye")
    transport.close()
    await turn()
    assert recorder.calls == [b"bye", "close"]
    transport.write(b"more")
    transport.write_eof()
    assert recorder.calls[2:] == [b"more", "eof"]


async def test_aborting_forgets_what_waits() -> None:
    """Nothing is written to a connection that was cut off."""
    recorder, transport = opened()
    transport.write(b"late")
    transport.abort()
    await turn()
    assert recorder.calls == ["abort"]
