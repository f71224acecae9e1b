"""A transport that the test holds, below a connection of the edge."""

import asyncio
from pathlib import Path
from typing import Any

from edge.settings import Settings
from edge.web.serving.connection import Connection


def settings_for(folder: Path, **limits: Any) -> Settings:
    """Settings of an edge that dials nobody."""
    return Settings(credential_file=folder / "service.key", **limits)


class Socket(asyncio.Transport):
    """Keeps what is written, and brings what the peer says."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self.written = bytearray()
        self.reads = True
        self.ended = self.closed = self.aborted = False

    # The peer.

    def receive(self, data: bytes) -> None:
        """Let bytes arrive, in reads of the connection's size."""
        while data:
            buffer = self._connection.get_buffer(-1)
            piece, data = data[: len(buffer)], data[len(buffer) :]
            buffer[: len(piece)] = piece
            self._connection.buffer_updated(len(piece))

    def hang_up(self) -> None:
        self._connection.connection_lost(None)

    # The transport.

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if not self.is_closing():
            self.closed = True
            asyncio.get_running_loop().call_soon(self.hang_up)

    def abort(self) -> None:
        if not self.is_closing():
            self.aborted = True
            asyncio.get_running_loop().call_soon(self.hang_up)

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def pause_reading(self) -> None:
        assert self.reads
        self.reads = False

    def resume_reading(self) -> None:
        assert not self.reads
        self.reads = True
