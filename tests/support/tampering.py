"""A proxy before an edge, set up wrong: it drops headers, changes the path, answers by itself, or
cuts what is silent.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Tampering:
    """Changes what passes. Names of headers are in lower case."""

    port: int
    drop: frozenset[str] = frozenset()
    add: str = ""
    path: str = ""
    answer: bytes = b""
    silence_seconds: float | None = None
    certificate: ssl.SSLContext | None = None
    # What is open, with the task that passes it on.
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        task: asyncio.Task[None] = asyncio.current_task()  # type: ignore[assignment] # there is one
        self.serving[task] = writer
        with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            head = await reader.readuntil(b"\r\n\r\n")
            if self.answer:
                writer.write(self.answer)
                await writer.drain()
            else:
                upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self.port)
                upstream.write(self._changed(head))
                await asyncio.wait(
                    [
                        asyncio.create_task(self._pass_on(reader, upstream)),
                        asyncio.create_task(self._pass_on(upstream_reader, writer)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                upstream.close()
        writer.close()
        del self.serving[task]

    def _changed(self, head: bytes) -> bytes:
        first, *headers = head.decode("latin-1").split("\r\n")[:-2]
        method, path, version = first.split(" ")
        kept = [one for one in headers if one.partition(":")[0].lower() not in self.drop]
        added = [self.add] if self.add else []
        lines = [f"{method} {self.path or path} {version}", *kept, *added, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, TimeoutError):
            while True:
                async with asyncio.timeout(self.silence_seconds):
                    part = await reader.read(65_536)
                if not part:
                    return
                writer.write(part)
                await writer.drain()


@asynccontextmanager
async def tampering(made: Tampering) -> AsyncIterator[str]:
    """Stand before the edge while the context lasts; gives the address of the socket."""
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=made.certificate)
    scheme = "ws" if made.certificate is None else "wss"
    host = "127.0.0.1" if made.certificate is None else "localhost"
    try:
        yield f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}/ws"
    finally:
        server.close()
        for writer in list(made.serving.values()):
            writer.close()
        await asyncio.gather(*made.serving)
