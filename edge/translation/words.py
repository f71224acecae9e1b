"""Values of the contracts' enumerations as packets say them: the same words, in lower case."""

from collections.abc import Mapping
from typing import Any, Protocol


class _Enumeration(Protocol):
    def items(self) -> list[tuple[str, Any]]: ...


def words(enumeration: _Enumeration, prefix: str) -> Mapping[int, Any]:
    """The word of each value but the unspecified one."""
    return {
        number: name.removeprefix(prefix).lower() for name, number in enumeration.items() if number
    }
