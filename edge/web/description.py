"""The description of the protocol, for whoever writes a client: GET /asyncapi.json, and the page
GET /asyncapi. docs/generate_asyncapi.py makes both files, which stand beside the package.
"""

import base64
import gzip
import hashlib
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from edge.metrics import Metrics

_FOLDER = Path(__file__).resolve().parents[2] / "docs"
# What is handed on at once: whoever reads slowly is waited for, and little is held for them.
_PIECE_BYTES = 16 * 1024
_STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


class Description:
    """A file as it is answered with, read once and compressed once."""

    def __init__(self, path: Path, media_type: str) -> None:
        self._plain = path.read_bytes()
        self._compressed = gzip.compress(self._plain, mtime=0)
        self._media_type = media_type
        self._tag = hashlib.sha256(self._plain).hexdigest()[:32]
        styles = (hashlib.sha256(one).digest() for one in _STYLE.findall(self._plain))
        hashes = [f"'sha256-{base64.b64encode(one).decode()}'" for one in styles]
        allowed = " ".join(hashes or ["'none'"])
        self._headers = {
            # To be kept, and asked for again by its tag: an update of the edge may change it.
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
            # It says nothing that is not in the sources, so any page may read it.
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "ETag",
            "Content-Security-Policy": f"default-src 'none'; style-src {allowed};"
            " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }

    def answer(self, request: Request) -> Response:
        """The file, or that it is the one that the client has."""
        compressed = _takes_gzip(request.headers.get("accept-encoding", ""))
        # Another encoding is another representation (RFC 9110, 8.8.3).
        tag = f'"{self._tag}-gzip"' if compressed else f'"{self._tag}"'
        headers = {**self._headers, "ETag": tag}
        if _names(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        body = self._compressed if compressed else self._plain
        headers["Content-Length"] = str(len(body))
        if compressed:
            headers["Content-Encoding"] = "gzip"
        return StreamingResponse(_pieces(body), headers=headers, media_type=self._media_type)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding allows gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for one in accepted.lower().split(","):
        name, _, parameter = one.partition(";")
        try:
            weights[name.strip()] = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            weights[name.strip()] = 0
    return weights.get("gzip", weights.get("*", 0)) > 0


def _names(tags: str, tag: str) -> bool:
    """Whether an If-None-Match names a tag, by the weak comparison (RFC 9110, 13.1.2)."""
    named = {one.strip().removeprefix("W/") for one in tags.split(",")}
    return tag in named or named == {"*"}


def routes(metrics: Metrics) -> list[Route]:
    """GET and HEAD of both forms. Raises OSError where the edge was installed without them."""

    def route(path: str, name: str, media_type: str) -> Route:
        description = Description(_FOLDER / name, media_type)

        async def answer(request: Request) -> Response:
            given = description.answer(request)
            metrics.http_requests.labels(
                request=path.removeprefix("/"), status=str(given.status_code)
            ).inc()
            return given

        return Route(path, answer, methods=["GET"])

    return [
        route("/asyncapi.json", "asyncapi.json", "application/json"),
        route("/asyncapi", "asyncapi.html", "text/html; charset=utf-8"),
    ]
