"""A file that is held in memory, as it is answered with."""

import gzip
import hashlib
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

# What is handed on at once: whoever reads slowly is waited for, and little is held for them.
_PIECE_BYTES = 16 * 1024


class StaticFile:
    """A file, compressed once. `headers` go with each answer."""

    def __init__(self, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        self._plain = content
        self._compressed = gzip.compress(content, mtime=0)
        self._media_type = media_type
        self._tag = hashlib.sha256(content).hexdigest()[:32]
        self._headers = {
            **headers,
            "Vary": "Accept-Encoding",
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
