"""Lines of standard input for an event loop, from a terminal, a pipe or a file alike."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator

BYTES_PER_READ = 65_536


async def read_lines(descriptor: int) -> AsyncIterator[str]:
    """The lines without their ends, until the end of the input.

    A thread reads, since an event loop can wait for a pipe but not for a file. It reads the
    descriptor itself: a thread left inside sys.stdin would block the interpreter's exit.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    # The thread's own, so that it never reads what another file was opened as meanwhile.
    own = os.dup(descriptor)

    def read() -> None:
        while True:
            try:
                chunk = os.read(own, BYTES_PER_READ)
            except OSError:
                # A terminal that is gone reads as an error; for us it is the end of the input.
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:
                return  # The loop is closed: nobody waits for lines any more.
            if not chunk:
                os.close(own)
                return

    threading.Thread(target=read, name="standard input", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace").rstrip("\r")
    if rest:
        yield rest.decode("utf-8", "replace").rstrip("\r")
