"""A built web app: the files of its folder, held in memory, so that no other can be asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path

from service_kit.web.static_file import StaticFile

PAGE = "index.html"
ASSETS = "assets"
# A build has some twenty files, of 1 MB.
MOST_FILES = 500
MOST_BYTES = 32 * 1024 * 1024
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


def read_files(folder: Path, setting: str, built: str) -> dict[str, bytes]:
    """The files of the app by their paths in its folder.

    Raises ValueError, which names the setting and what `make web` builds, for a folder that is no
    built app; OSError for one that cannot be read.
    """
    if not (folder / PAGE).is_file() or not (folder / ASSETS).is_dir():
        raise ValueError(f"{setting}: {folder} is not the built app (make web builds {built})")
    paths = [path for path in folder.rglob("*") if path.is_file()]
    if len(paths) > MOST_FILES or sum(path.stat().st_size for path in paths) > MOST_BYTES:
        raise ValueError(
            f"{setting}: {folder} has more than {MOST_FILES} files or {MOST_BYTES} bytes,"
            " which no built app has"
        )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def serve_files(
    contents: Mapping[str, bytes], headers: Callable[[str], Mapping[str, str]]
) -> dict[str, StaticFile]:
    """Files to answer with, each with its own headers beside those of its caching."""
    return {
        name: StaticFile(
            content,
            _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream"),
            {"Cache-Control": caching(name), **headers(name)},
        )
        for name, content in contents.items()
    }


def caching(name: str) -> str:
    """The Cache-Control of a file: names of assets change with their content."""
    return "public, max-age=31536000, immutable" if name.startswith(f"{ASSETS}/") else "no-cache"
