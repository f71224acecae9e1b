"""Pages of lists: where they begin, how long they are, and the token of the next."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVarTuple

from moderation_service.storage.lists import PageKey
from service_kit.pages import bounded_size, decode_token, encode_token, is_number
from service_kit.rules import Refusal, invalid, is_identifier

Rest = TypeVarTuple("Rest")


class Page(NamedTuple):
    """A page as it is asked for: its length, where it begins, and its greatest length."""

    size: int
    token: str
    most: int


class Begin(NamedTuple):
    """After which row a page begins, and how many rows it has."""

    key: PageKey
    length: int


def begin(page: Page, columns: int) -> Begin | Refusal:
    """Read a page whose order has so many columns: numbers, of which ranks are negated, and an id.

    A token has the date first, for of all these numbers it is the one that is never negative.
    """
    count = bounded_size(page.size, page.most)
    if isinstance(count, Refusal):
        return count
    if not page.token:
        return Begin((), count)
    decoded = decode_token(page.token, columns)
    if isinstance(decoded, Refusal):
        return decoded
    number, (*ranks, name) = decoded
    if not is_identifier(name) or not all(map(is_number, ranks)):
        return invalid("page_token", "is not one that was given out")
    return Begin((*(-int(one) for one in ranks), number, name), count)


def cut(
    rows: Sequence[tuple[PageKey, *Rest]], count: int
) -> tuple[Sequence[tuple[PageKey, *Rest]], str]:
    """Give the rows of a page, of which one more was read, and the token of the next page."""
    if len(rows) <= count:
        return rows, ""
    *ranks, number, name = rows[count - 1][0]
    token = encode_token(int(number), *(str(-int(one)) for one in ranks), str(name))
    return rows[:count], token
