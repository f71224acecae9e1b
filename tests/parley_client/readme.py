"""The blocks of Python in a document, and how one is run as it stands there."""

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import parley_client

README = Path(__file__).resolve().parents[2] / "sdk" / "python" / "README.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Events are awaited for as long as they come; this much of it shows that they do.
EVENTS_SECONDS = 2.0


def blocks(document: Path) -> list[str]:
    """The blocks of Python of a document, in order."""
    return _BLOCK.findall(document.read_text("utf-8"))


async def run(block: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run a block, whose `await` stands at the top, with all of the library imported and `names`.

    Gives the names that it leaves.
    """
    namespace = {**{name: getattr(parley_client, name) for name in parley_client.__all__}, **names}
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(block, "<document>", "exec", flags=flags)
    made = eval(code, namespace)  # noqa: S307 - a block of a document of ours
    if inspect.iscoroutine(made):
        try:
            async with asyncio.timeout(EVENTS_SECONDS):
                await made
        except TimeoutError:
            assert "client.events()" in block, "a block does not end"
    return namespace
