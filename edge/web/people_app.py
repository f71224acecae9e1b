"""The built web app of people, below /app: its files, and the config.json that they ask for."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.metrics import Metrics
from edge.settings import Settings
from edge.web.static_file import StaticFile

_PAGE = "index.html"
_ASSETS = "assets"
_EMBED = "embed"
_CONFIG = "config.json"
# A build has some twenty files, of 1 MB. All are held in memory.
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


def routes(settings: Settings, metrics: Metrics) -> list[Route]:
    """GET and HEAD of the app; none without a folder.

    Raises ValueError or OSError for a folder that is no built app.
    """
    if settings.web_app_folder is None:
        return []
    files = _read(settings.web_app_folder, settings)

    def count(status: int) -> None:
        metrics.http_requests.labels(request="app", status=str(status)).inc()

    async def enter(_request: Request) -> Response:
        """Lead to the folder, for the page names its files from there."""
        count(HTTPStatus.TEMPORARY_REDIRECT)
        # Not from the root, so that it holds as well below a path of a proxy.
        return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": "app/"})

    async def answer(request: Request) -> Response:
        file = files.get(request.path_params["path"] or _PAGE)
        if file is None:
            count(HTTPStatus.NOT_FOUND)
            raise HTTPException(HTTPStatus.NOT_FOUND, "The web app has no such file.")
        given = file.answer(request)
        count(given.status_code)
        return given

    return [
        Route("/app", enter, methods=["GET"]),
        Route("/app/{path:path}", answer, methods=["GET"]),
    ]


def _read(folder: Path, settings: Settings) -> dict[str, StaticFile]:
    """All files of the app by their paths in the folder, so that no other can be asked for."""
    if not (folder / _PAGE).is_file() or not (folder / _ASSETS).is_dir():
        raise ValueError(
            f"PARLEY_EDGE_WEB_APP_FOLDER: {folder} is not the built web app (make web builds"
            " web/dist/people)"
        )
    paths = [path for path in folder.rglob("*") if path.is_file()]
    if len(paths) > _MOST_FILES or sum(path.stat().st_size for path in paths) > _MOST_BYTES:
        raise ValueError(
            f"PARLEY_EDGE_WEB_APP_FOLDER: {folder} has more than {_MOST_FILES} files or"
            f" {_MOST_BYTES} bytes, which no built web app has"
        )
    policy = _policy(settings)
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    # Of a host without an edge; here the settings say it.
    contents[_CONFIG] = _config(settings)
    return {
        name: StaticFile(
            content,
            _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream"),
            {
                "Cache-Control": _caching(name),
                "Content-Security-Policy": policy,
                **_sharing(name),
            },
        )
        for name, content in contents.items()
    }


def _caching(name: str) -> str:
    # The names of assets change with their content.
    if name.startswith(f"{_ASSETS}/"):
        return "public, max-age=31536000, immutable"
    return "no-cache"


def _sharing(name: str) -> dict[str, str]:
    """What lets pages of other origins load the elements that are made for them."""
    if not name.startswith(f"{_EMBED}/"):
        return {}
    return {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


def _policy(settings: Settings) -> str:
    """The Content-Security-Policy of the page: its own files and edge, and the token's address."""
    connect = ["'self'"]
    token = urlsplit(settings.web_token_url or "")
    if token.netloc:
        connect.append(f"{token.scheme}://{token.netloc}")
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        f" worker-src 'self'; connect-src {' '.join(connect)}; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    )


def _config(settings: Settings) -> bytes:
    said = {"token_url": settings.web_token_url, "sign_in_url": settings.web_sign_in_url}
    return msgspec.json.encode({name: value for name, value in said.items() if value is not None})
