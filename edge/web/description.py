"""The description of the protocol, for whoever writes a client: GET /asyncapi.json, and the page
GET /asyncapi. docs/generate_asyncapi.py makes both files, which stand beside the package.
"""

import base64
import hashlib
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.metrics import Metrics
from service_kit.web.static_file import StaticFile

_FOLDER = Path(__file__).resolve().parents[2] / "docs"
_STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


def _read(path: Path, media_type: str) -> StaticFile:
    content = path.read_bytes()
    styles = (hashlib.sha256(one).digest() for one in _STYLE.findall(content))
    hashes = [f"'sha256-{base64.b64encode(one).decode()}'" for one in styles]
    allowed = " ".join(hashes or ["'none'"])
    headers = {
        # To be kept, and asked for again by its tag: an update of the edge may change it.
        "Cache-Control": "no-cache",
        # It says nothing that is not in the sources, so any page may read it.
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag",
        "Content-Security-Policy": f"default-src 'none'; style-src {allowed};"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    }
    return StaticFile(content, media_type, headers)


def routes(metrics: Metrics) -> list[Route]:
    """GET and HEAD of both forms. Raises OSError where the edge was installed without them."""

    def route(path: str, name: str, media_type: str) -> Route:
        description = _read(_FOLDER / name, media_type)

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
