"""The built web app of people, below /app: its files, and the config.json that they ask for."""

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
from service_kit.web.built_app import PAGE, read_files, serve_files
from service_kit.web.static_file import StaticFile

_EMBED = "embed"
_CONFIG = "config.json"


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
        file = files.get(request.path_params["path"] or PAGE)
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
    """All files of the app by their paths in the folder, with the config of the settings."""
    contents = read_files(folder, "PARLEY_EDGE_WEB_APP_FOLDER", "web/dist/people")
    # Of a host without an edge; here the settings say it.
    contents[_CONFIG] = _config(settings)
    policy = _policy(settings)
    return serve_files(contents, lambda name: {"Content-Security-Policy": policy, **_sharing(name)})


def _sharing(name: str) -> dict[str, str]:
    """Headers by which pages of other origins may load the elements that are made for them."""
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
