"""Snapshots: what they show of who wrote what."""

import pytest

from moderation_service.domain.shared.evidence import author_of, write_down

MESSAGES = write_down(
    {
        "messages": [
            {"message": {"id": "m1", "sender": "bob"}},
            {"message": {"id": "m2", "sender": "ann"}, "edits": []},
        ]
    }
)
DEAL = write_down({"service": {"id": "s"}, "messages": "taken"})


@pytest.mark.parametrize(("message", "author"), [("m1", "bob"), ("m2", "ann"), ("m3", "")])
def test_a_snapshot_shows_who_wrote_a_message(message: str, author: str) -> None:
    """Whichever of them shows it; empty if none does."""
    assert author_of([DEAL, MESSAGES], message) == author
    assert author_of([], message) == ""
    assert author_of([write_down([1, 2]), write_down({"messages": [{}]})], message) == ""
