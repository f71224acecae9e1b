"""The description of the HTTP API: GET /openapi.json, which docs/generate_desk.py makes.

The file stands beside the package, as it does in a checkout and in the desk's image.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FILE = Path(__file__).resolve().parents[2] / "docs" / "desk-openapi.json"


def routes() -> list[Route]:
    """The one route. Raises OSError where the desk was installed without it."""
    content = _FILE.read_bytes()

    async def answer(_request: Request) -> Response:
        # It says nothing that is not in the sources.
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return Response(content, headers=headers, media_type="application/json")

    return [Route("/openapi.json", answer, methods=["GET"])]
