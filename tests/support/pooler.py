"""A pooler of transactions, as PgBouncer is by default: one session of PostgreSQL for all clients,
each of which has it for the length of a transaction.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_REFUSED = (80877103, 80877104)  # Encryption, which it does not have.


class _Stream:
    """Messages of PostgreSQL's protocol over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            if not (more := self.connection.recv(count - len(found))):
                raise ConnectionError
            found += more
        return found

    def begin(self) -> bytes:
        """The first message of a client, which has no kind."""
        while True:
            head = self._exactly(4)
            body = self._exactly(struct.unpack("!I", head)[0] - 4)
            if struct.unpack("!I", body[:4])[0] not in _REFUSED:
                return head + body
            self.connection.sendall(b"N")

    def read(self) -> tuple[bytes, bytes]:
        """A message: its kind, and all of it."""
        head = self._exactly(5)
        return head[:1], head + self._exactly(struct.unpack("!I", head[1:])[0] - 4)

    def write(self, message: bytes) -> None:
        self.connection.sendall(message)


class _Pool:
    def __init__(self, server: Path) -> None:
        self._server = server
        self._session: _Stream | None = None
        self._greeting = b""
        self._lock = threading.Lock()

    def serve(self, connection: socket.socket) -> None:
        client = _Stream(connection)
        with connection, suppress(ConnectionError, OSError):
            session = self._join(client)
            while True:
                kind, message = client.read()
                with self._lock:
                    self._transact(client, session, kind, message)

    def _join(self, client: _Stream) -> _Stream:
        start = client.begin()
        with self._lock:
            if self._session is None:
                upstream = socket.socket(socket.AF_UNIX)
                upstream.connect(str(self._server))
                self._session = _Stream(upstream)
                self._session.write(start)
                kind = b""
                while kind != b"Z":
                    kind, message = self._session.read()
                    self._greeting += message
            client.write(self._greeting)
            return self._session

    def _transact(self, client: _Stream, session: _Stream, kind: bytes, message: bytes) -> None:
        """Pass on messages until the transaction is over; the lock is held."""
        while True:
            if kind == b"X":
                raise ConnectionError
            session.write(message)
            if kind in {b"Q", b"S"}:
                answered = b""
                while answered != b"Z":
                    answered, answer = session.read()
                    client.write(answer)
                if answer[-1:] == b"I":
                    return
            kind, message = client.read()

    def close(self) -> None:
        if self._session is not None:
            self._session.connection.close()


@contextmanager
def pooling(folder: Path) -> Iterator[int]:
    """A pooler before the server whose socket is in this folder; gives its port."""
    pool = _Pool(folder / ".s.PGSQL.5432")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=pool.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        pool.close()
