"""Texts of a deal: the names of what people wrote in it, and which of it is hidden from whom.

By its name a text is found in the deal and in every event that repeats it. What is withheld was
written to somebody who blocked the author, and is shown to the author alone, for good. What is
removed, by moderation, is shown to nobody until it is restored.
"""

from negotiation_service.domain.entities import CancellationRequest, Deal

# No user has this name, so that only a service can read a deal in which it has no part.
INTERNAL = ""

TERMS = "terms"
"""The title and the description, which come with the creation."""


def name_offer(number: int) -> str:
    """Name the note of an offer."""
    return f"offer {number}"


def name_request(request: CancellationRequest) -> str:
    """Name the reason of a request for cancellation; no two are of one time."""
    return f"request {request.at}"


def name_reason(seq: int) -> str:
    """Name the reason that came with an event."""
    return f"reason {seq}"


def name_note(author: str) -> str:
    """Name the comment of a party's note."""
    return f"note {author}"


def is_hidden(deal: Deal, reader: str | None, text: str, author: str) -> bool:
    """Tell whether a text of an author is hidden from a reader; None: from one of the two."""
    return text in deal.removed or (text in deal.withheld and reader not in (author, INTERNAL))
