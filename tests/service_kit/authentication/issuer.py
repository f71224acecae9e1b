"""An issuer of tokens that publishes its keys over HTTP, and misbehaves when told to."""

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

from tests.service_kit.authentication.tokens import NOW, public_jwk, rsa_key
from tests.support.waiting import PATIENCE


def jwk(name: str, **changes: Any) -> dict[str, Any]:
    return public_jwk(rsa_key(name)) | {"kid": name, "use": "sig", "alg": "RS256"} | changes


def token(name: str, *, key_id: str | None = "", algorithm: str = "RS256", **header: Any) -> str:
    """A token signed with the key of this name, whose kid is the name unless another is given."""
    key_id = name if key_id == "" else key_id
    headers = header if key_id is None else header | {"kid": key_id}
    claims = {"sub": name, "exp": NOW + 60}
    return jwt.encode(claims, rsa_key(name), algorithm=algorithm, headers=headers)


class Issuer:
    """An HTTP server that publishes keys, counts its requests and misbehaves when told to."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.status = 200
        self.body: bytes | None = None
        self.padding = 0
        self.location: str | None = None
        self.pieces = 1
        self.seconds_between_pieces = 0.0
        self.requests = 0
        self.changed = threading.Condition()
        self.released = threading.Event()
        self.released.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with issuer.changed:
                    issuer.requests += 1
                    issuer.changed.notify_all()
                issuer.released.wait(30)
                try:
                    issuer.answer(self)
                except ConnectionError:
                    # The client has given up, which some of the tests want it to do.
                    self.close_connection = True

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
                """Keep the output of the tests clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/keys"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
        body += b" " * self.padding
        handler.send_response(self.status)
        if self.location is not None:
            handler.send_header("Location", self.location)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        size = max(1, len(body) // self.pieces)
        for start in range(0, len(body), size):
            handler.wfile.write(body[start : start + size])
            # A slow server is slow by its own clock: nothing in the test could tell it to go on.
            time.sleep(self.seconds_between_pieces)

    def hang(self) -> None:
        self.released.clear()

    def release(self) -> None:
        self.released.set()

    async def wait_for_requests(self, count: int) -> None:
        """Return when this many requests have come in since the start."""

        def wait() -> None:
            with self.changed:
                assert self.changed.wait_for(lambda: self.requests >= count, timeout=PATIENCE)

        await asyncio.to_thread(wait)

    def close(self) -> None:
        self.release()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
