"""The built app of moderators, below /: its files, held in memory under a strict policy."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_PAGE = "index.html"
_ASSETS = "assets"
# A build has some twenty files, of 1 MB.
_MOST_FILES = 500
_MOST_BYTES = 32 * 1024 * 1024
_MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes(folder: Path | None) -> list[Route]:
    """GET and HEAD of each file of the app; none without a folder. Its page is that of /.

    Raises ValueError or OSError for a folder that is no built app.
    """
    if folder is None:
        return []
    if not (folder / _PAGE).is_file() or not (folder / _ASSETS).is_dir():
        raise ValueError(
            f"PARLEY_DESK_APP_FOLDER: {folder} is not the built app (make web builds web/dist/desk)"
        )
    paths = [path for path in folder.rglob("*") if path.is_file()]
    if len(paths) > _MOST_FILES or sum(path.stat().st_size for path in paths) > _MOST_BYTES:
        raise ValueError(
            f"PARLEY_DESK_APP_FOLDER: {folder} has more than {_MOST_FILES} files or"
            f" {_MOST_BYTES} bytes, which no built app has"
        )
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return [
        *(_route(f"/{name}", name, path.read_bytes()) for name, path in names.items()),
        _route("/", _PAGE, names[_PAGE].read_bytes()),
    ]


def _route(address: str, name: str, content: bytes) -> Route:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    # The names of assets change with their content.
    fixed = name.startswith(f"{_ASSETS}/")
    headers = {
        **_HEADERS,
        "ETag": tag,
        "Cache-Control": "public, max-age=31536000, immutable" if fixed else "no-cache",
    }
    media_type = _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return Route(address, answer, methods=["GET"])
