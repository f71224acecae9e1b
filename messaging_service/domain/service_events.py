"""Events of a service of the negotiation service, as a message holds one: a JSON document."""

import json
from typing import NamedTuple


class ServiceEvent(NamedTuple):
    """An entry of a service's history; times are milliseconds UTC.

    `number` is its place there, `by` is empty for what time or moderation did. `offer` and the
    price are those of the offer that it is about; 0 and empty when it is about none. What is
    `withheld` was done by somebody whom the other blocked, and is shown to `by` alone.
    """

    service_id: str
    number: int
    cause: str
    by: str
    at: int
    state: str
    title: str
    offer: int = 0
    amount_minor: int = 0
    currency: str = ""
    reason: str = ""
    withheld: bool = False

    @property
    def key(self) -> str:
        """The idempotency key that makes it one message, however often it is told.

        It can not be printed, and so no user's key is the same.

        A negotiation that went back to a backup gives the numbers after it again, to other events.
        """
        return f"\x1e{self.service_id}:{self.number}:{self.at}"


RETITLING = frozenset({"text_removed", "text_restored"})
"""The causes that are no message of their own: they may change the title in those before."""


def keys_of(service_id: str) -> tuple[str, str]:
    """Give the bounds of the keys of a service's events: low <= key < high."""
    return f"\x1e{service_id}:", f"\x1e{service_id};"


def retitle(document: str, title: str) -> str | None:
    """Give a document the title that its service has now; None when there is nothing to change.

    The creation brought the title, and is removed or restored as a whole.
    """
    event = decode(document)
    if event.cause == "created" or event.title == title:
        return None
    return encode(event._replace(title=title))


def encode(event: ServiceEvent) -> str:
    """Give the document of an event."""
    return json.dumps(event._asdict(), separators=(",", ":"), ensure_ascii=False)


def decode(document: str) -> ServiceEvent:
    """Read a document; fields that a later version has added are left out."""
    known = json.loads(document)
    return ServiceEvent(**{name: known[name] for name in ServiceEvent._fields if name in known})
