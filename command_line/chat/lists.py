"""The lists of a chat: what one may have been told on another device, asked for again."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from command_line.display import deals, disputes, rulings
from parley_protocol.payloads import messaging, moderation, negotiation

Lines = Callable[[Mapping[str, Any], str], list[str]]


class List(NamedTuple):
    """A command that shows a list: what it asks, the field of the answer, and an item in lines."""

    does: str
    asks: Struct
    items: str
    lines: Lines


def _block(told: Mapping[str, Any], _me: str) -> list[str]:
    return [str(told["user"])]


def _deal(told: Mapping[str, Any], me: str) -> list[str]:
    return [deals.summary(told, me)]


def _report(told: Mapping[str, Any], _me: str) -> list[str]:
    return rulings.report(told)


def _appeal(told: Mapping[str, Any], _me: str) -> list[str]:
    return [*rulings.appeal(told), *deals.quote(told["text"])]


def _dispute(told: Mapping[str, Any], me: str) -> list[str]:
    return [disputes.summary(told, me)]


LISTS: Mapping[str, List] = {
    "/blocks": List("list whom you block", messaging.AskBlocks(), "blocks", _block),
    "/deals": List("list your deals, also past ones", negotiation.AskServices(), "services", _deal),
    "/disputes": List("list your disputes", moderation.AskDisputes(), "disputes", _dispute),
    "/reports": List("list what you have reported", moderation.AskReports(), "reports", _report),
    "/appeals": List("list your appeals", moderation.AskAppeals(), "appeals", _appeal),
}


def shown(name: str, answer: Mapping[str, Any], me: str) -> list[str]:
    """Write the answer of a list in lines, the newest first."""
    one = LISTS[name]
    items = answer[one.items]
    if not items:
        return [f"{one.items}: none"]
    lines = [f"{one.items}: {len(items)}{' and more' if 'next' in answer else ''}"]
    for item in items:
        first, *others = one.lines(item, me)
        lines += [f"- {first}", *(f"  {line}" for line in others)]
    return lines
