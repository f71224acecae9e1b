"""A real browser for tests: Chromium as npm's packages bring it, driven by Playwright."""

import fcntl
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from playwright.async_api import Browser, BrowserContext, Playwright, async_playwright

from tests.support.node import MODULES, check_installed, run
from tests.support.system import free_port

# Names another Chromium, for machines on which the packaged one does not run.
_CHROMIUM_VARIABLE = "CHROMIUM"
_PACKAGE = MODULES / "@sparticuz" / "chromium"
_PARTS = ("chromium.br", "fonts.tar.br", "swiftshader.tar.br", "al2023.tar.br")
# The package unpacks into the folder for temporary files, which is the one that we want.
_UNPACK = f"""
import {{ inflate }} from "@sparticuz/chromium";
for (const part of {list(_PARTS)}) await inflate("{_PACKAGE.as_posix()}/bin/" + part);
"""
_FONTS = """<?xml version="1.0"?>
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/fonts-cache</cachedir></fontconfig>
"""
_ARGUMENTS = (
    # As root, and in containers, there is no sandbox to be had. The pages are our own.
    "--no-sandbox",
    "--disable-gpu",
    # The shared memory of containers is small.
    "--disable-dev-shm-usage",
)


class Chromium(NamedTuple):
    """The program, and the environment that it needs."""

    program: Path
    environment: dict[str, str]


@cache
def chromium() -> Chromium:
    """Find the browser, which is unpacked by the first who asks.

    Raises RuntimeError, which says what to install, when it does not start on this machine.
    """
    named = os.environ.get(_CHROMIUM_VARIABLE)
    found = Chromium(Path(named), dict(os.environ)) if named else _unpacked()
    missing = _missing_libraries(found)
    if missing:
        raise RuntimeError(
            f"{found.program} needs {', '.join(missing)}, which this machine does not have; "
            f"install them, or name another Chromium with {_CHROMIUM_VARIABLE}=..."
        )
    return found


def _unpacked() -> Chromium:
    """Chromium of npm's packages below node_modules, unpacked once for all workers."""
    check_installed()
    machine = f"{platform.system()} {platform.machine()}"
    if machine not in {"Linux x86_64", "Linux AMD64"}:
        raise RuntimeError(
            f"npm's packages hold no Chromium for {machine}; name one with {_CHROMIUM_VARIABLE}=..."
        )
    version = json.loads((_PACKAGE / "package.json").read_text("utf-8"))["version"]
    folder = MODULES / ".cache" / f"chromium-{version}"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                unpacking = Path(temporary, "unpacked")
                unpacking.mkdir()
                told = {"TMPDIR": str(unpacking)}
                run("node", "--input-type=module", "--eval", _UNPACK, more=told)
                # The package's own list of folders is for the machines of somebody's cloud.
                fonts = _FONTS.format(folder=folder.as_posix())
                (unpacking / "fonts.conf").write_text(fonts, "utf-8")
                unpacking.rename(folder)
    program = folder / "chromium"
    environment = {**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf")}
    if _missing_libraries(Chromium(program, environment)):
        # Some of them, NSS and NSPR, come with the package.
        paths = [str(folder / "al2023" / "lib"), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(paths)
    return Chromium(program, environment)


def _missing_libraries(browser: Chromium) -> list[str]:
    """Names of shared libraries that the program would not find; empty where nobody can say."""
    if shutil.which("ldd") is None:
        return []
    listed = subprocess.run(
        ["ldd", browser.program],
        env=browser.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return [line.split()[0] for line in listed.stdout.splitlines() if "not found" in line]


@asynccontextmanager
async def launched(playwright: Playwright, profile: Path) -> AsyncIterator[BrowserContext]:
    """A browser that keeps what its pages store in the folder `profile`, until the context ends."""
    found = chromium()
    context = await playwright.chromium.launch_persistent_context(
        profile,
        executable_path=found.program,
        env=dict(found.environment),
        args=_ARGUMENTS,
        headless=True,
    )
    try:
        yield context
    finally:
        await context.close()


@asynccontextmanager
async def browser_of_many() -> AsyncIterator[Browser]:
    """A browser in which each context is a person of its own, and forgets all when it is closed."""
    found = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found.program,
            env=dict(found.environment),
            args=_ARGUMENTS,
            headless=True,
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[BrowserContext]:
    """A browser and who drives it."""
    async with async_playwright() as playwright, launched(playwright, profile) as context:
        yield context


class _Files(SimpleHTTPRequestHandler):
    """Answers with a file of the first folder that has it; nothing is kept in caches."""

    folders: tuple[Path, ...] = ()
    policy = ""

    def translate_path(self, path: str) -> str:
        found = super().translate_path(path)
        name = Path(found).relative_to(self.directory)
        paths = [folder / name for folder in self.folders]
        return str(next((path for path in paths if path.exists()), found))

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        if self.policy:
            self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *_said: object) -> None:
        """Nothing: the test's output is its own."""


@contextmanager
def serving(*folders: Path, policy: str = "") -> Iterator[str]:
    """Serve the files of folders over HTTP on the loopback; gives the address, an origin.

    `policy` says what the pages may do (Content-Security-Policy); without one they may do all.
    """
    handler = type("_FilesOf", (_Files,), {"folders": folders, "policy": policy})
    with ThreadingHTTPServer(("127.0.0.1", free_port()), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
