"""The built app of moderators, below /: its files, held in memory under a strict policy."""

from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service_kit.web.built_app import PAGE, read_files, serve_files
from service_kit.web.static_file import StaticFile

_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def routes(folder: Path | None) -> list[Route]:
    """GET and HEAD of each file of the app; none without a folder. Its page is that of /.

    Raises ValueError or OSError for a folder that is no built app.
    """
    if folder is None:
        return []
    contents = read_files(folder, "PARLEY_DESK_APP_FOLDER", "web/dist/desk")
    files = serve_files(contents, lambda _name: _HEADERS)
    return [
        *(_route(f"/{name}", file) for name, file in files.items()),
        _route("/", files[PAGE]),
    ]


def _route(address: str, file: StaticFile) -> Route:
    async def answer(request: Request) -> Response:
        return file.answer(request)

    return Route(address, answer, methods=["GET"])
