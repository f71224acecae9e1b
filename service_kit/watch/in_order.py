"""Items by revision, taken in any order and given in the order of the revisions, each once."""

from typing import Generic, TypeVar

ItemType = TypeVar("ItemType")


class InOrder(Generic[ItemType]):
    """A buffer of what came before its turn, and up to where everything was given.

    `revision` is the last one that was given, `known` the newest of which anything was heard.
    """

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.known = revision
        # Above `revision + 1`, and never that one itself.
        self._early: dict[int, ItemType] = {}

    def __len__(self) -> int:
        """Count what waits for its turn."""
        return len(self._early)

    def is_next(self, revision: int) -> bool:
        """Take note of a revision if it follows at once upon what was given and nothing waits: the
        item is given, and need not be taken.
        """
        if revision != self.revision + 1 or self._early:
            return False
        self.revision = revision
        self.known = max(self.known, revision)
        return True

    def expect(self, revision: int) -> None:
        """Hear that a revision exists."""
        self.known = max(self.known, revision)

    def take(self, revision: int, item: ItemType) -> list[tuple[int, ItemType]]:
        """Take an item; gives what has its turn now. One that was given already is dropped."""
        if revision <= self.revision:
            return []
        self.known = max(self.known, revision)
        self._early.setdefault(revision, item)
        return self._turns()

    def skip(self, revision: int) -> list[tuple[int, ItemType]]:
        """Give up what is missing up to a revision; gives what has its turn then, beyond it."""
        if revision <= self.revision:
            return []
        self.revision = revision
        self.known = max(self.known, revision)
        for early in [one for one in self._early if one <= revision]:
            del self._early[early]
        return self._turns()

    def hole(self) -> tuple[int, int] | None:
        """Give the first range that is missing, as (after, until); None when nothing is."""
        if self.known == self.revision:
            return None
        until = min(self._early) - 1 if self._early else self.known
        return self.revision, until

    def _turns(self) -> list[tuple[int, ItemType]]:
        turns: list[tuple[int, ItemType]] = []
        while (item := self._early.pop(self.revision + 1, None)) is not None:
            self.revision += 1
            turns.append((self.revision, item))
        return turns
