"""Snapshots: what they show of who wrote what."""

import pytest

from moderation_service.domain.shared.evidence import Written, find_written, write_down

MESSAGES = write_down(
    {
        "messages": [
            {"message": {"id": "m1", "sender": "bob"}},
            {"message": {"id": "m2", "sender": "ann"}, "edits": []},
            {"message": {"id": "m4", "sender": "bob", "event": {"service_id": "s", "number": "7"}}},
        ]
    }
)
DEAL = write_down({"service": {"id": "s"}, "messages": "taken"})


@pytest.mark.parametrize(("message", "author"), [("m1", "bob"), ("m2", "ann"), ("m3", "")])
def test_a_snapshot_shows_who_wrote_a_message(message: str, author: str) -> None:
    """Whichever of them shows it; empty if none does."""
    assert find_written([DEAL, MESSAGES], message) == Written(author)
    assert find_written([], message) == Written("")
    others = [write_down([1, 2]), write_down({"messages": [{}]})]
    assert find_written(others, message) == Written("")


def test_a_snapshot_shows_which_event_a_message_is_about() -> None:
    """So that what was said with it can be removed where it stands."""
    assert find_written([DEAL, MESSAGES], "m4") == Written("bob", "s", 7)
