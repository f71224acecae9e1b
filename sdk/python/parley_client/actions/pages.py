"""Lists that the server gives page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list. `next` names the page after it; None where it is the last.

    `missing` names services of the server that did not answer: what they know is not shown.
    """

    items: tuple[Item, ...]
    next: str | None = None
    missing: tuple[str, ...] = ()


class Pages(Generic[Item]):
    """A list, by `async for` all of it, or by `page` one page at a time.

    Each iteration asks anew, and asks for a page only once the one before it was used up.
    """

    def __init__(self, ask: Callable[[str | None], Awaitable[Page[Item]]]) -> None:
        self._ask = ask

    async def page(self, name: str | None = None) -> Page[Item]:
        """Ask for the first page, or for one by the `next` of the page before it."""
        return await self._ask(name)

    async def __aiter__(self) -> AsyncIterator[Item]:
        name: str | None = None
        while True:
            page = await self._ask(name)
            for item in page.items:
                yield item
            if page.next is None:
                return
            name = page.next
