"""The rules of changing messages, by examples and by properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain import message_changes, messages
from messaging_service.domain.conversations import open_conversation
from messaging_service.domain.limits import MINUTE, Limits
from messaging_service.domain.message_changes import Decision, EditMessage, Version
from messaging_service.domain.messages import Message, MessageChange
from messaging_service.domain.refusals import Reason, message_not_found
from service_kit.rules import INVALID_ARGUMENT, Refusal
from tests.messaging_service.views import view

LIMITS = Limits()


def stored(text: str = "first", kind: str = messages.TEXT) -> Message:
    conversation = open_conversation("c", ("bob", "alice"), "", "bob", 5, 1)
    return messages.add_message(conversation, "m", "alice", text, "key", 100, 2, kind)[1]


steps = st.lists(
    st.tuples(st.sampled_from(["edit", "edit", "delete"]), st.text(min_size=1, max_size=5)),
    max_size=12,
)


@given(steps, st.integers(1, 6))
def test_no_text_is_lost_and_none_is_shown_that_should_not_be(
    plan: list[tuple[str, str]], most: int
) -> None:
    """After any changes: all texts that there were, each once with the time in which it was the
    text, are the versions and what is shown. A tombstone shows none, and changes no more.
    """
    limits = Limits(edits_per_message=most)
    message, texts, versions = stored(), [("first", 100)], list[Version]()
    for now, (kind, text) in enumerate(plan, start=101):
        before = message
        outcome = (
            message_changes.edit_message(message, text, now, now, limits)
            if kind == "edit"
            else message_changes.delete_message(message, now, now)
        )
        if isinstance(outcome, Decision):
            message = outcome.message
            versions += outcome.versions
            assert (message.changed_at, message.changed_revision) == (now, now)
            if kind == "edit":
                texts.append((text, now))
        else:
            gone = before.change == MessageChange.DELETED
            assert gone or (kind == "edit" and before.edits == most)
        shown = view(message)
        assert (shown.seq, shown.sender, shown.created_at) == (1, "alice", 100)
        if message.change == MessageChange.DELETED:
            assert (shown.text, shown.tombstone, shown.edited_at) == ("", "deleted", 0)
            assert message.text == ""
            assert [(one.text, one.written_at) for one in versions] == texts
        else:
            assert (shown.text, shown.tombstone) == (texts[-1][0], "")
            assert shown.edited_at == (texts[-1][1] if len(texts) > 1 else 0)
            assert [(one.text, one.written_at) for one in versions] == texts[:-1]
    ends = [one.replaced_at for one in versions]
    assert ends[: len(texts) - 1] == [at for _, at in texts[1:]]


@pytest.mark.parametrize(("late", "refused"), [(0, False), (1, True)])
def test_a_message_may_be_edited_for_as_long_as_is_set(late: int, refused: bool) -> None:
    """To the millisecond; it may be deleted for ever."""
    limits = Limits(edit_window=3 * MINUTE)
    now = 100 + 3 * MINUTE + late
    outcome = message_changes.edit_message(stored(), "x", now, 3, limits)
    assert isinstance(outcome, Refusal) == refused
    assert not refused or outcome.reason is Reason.EDIT_TOO_LATE  # type: ignore[union-attr]
    assert message_changes.delete_message(stored(), now * 1000, 3) is not None


def test_edits_have_a_limit_that_is_named() -> None:
    """Beyond it the message stays as it is, and may still be deleted."""
    limits = Limits(edits_per_message=1)
    once = message_changes.edit_message(stored(), "x", 101, 3, limits)
    assert isinstance(once, Decision)
    twice = message_changes.edit_message(once.message, "y", 102, 4, limits)
    assert isinstance(twice, Refusal)
    assert (twice.reason, twice.limit) == (Reason.TOO_MANY_EDITS, "edits_per_message")
    assert message_changes.delete_message(once.message, 102, 4) is not None


def test_only_ones_own_words_may_be_changed() -> None:
    """Another's message is refused like one that does not exist; an event is nobody's words."""
    assert message_changes.may_change(stored(), "alice") is None
    assert message_changes.may_change(stored(), "bob") == message_not_found()
    refusal = message_changes.may_change(stored(kind=messages.EVENT), "alice")
    assert refusal is not None
    assert refusal.reason is Reason.EVENT_MESSAGE


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"actor": ""}, INVALID_ARGUMENT, "actor"),
        ({"actor": "a\x7f"}, INVALID_ARGUMENT, "actor"),
        ({"message_id": ""}, INVALID_ARGUMENT, "message_id"),
        ({"message_id": "m\0"}, Reason.MESSAGE_NOT_FOUND, ""),
        ({"message_id": "m" * 65}, Reason.MESSAGE_NOT_FOUND, ""),
        ({"text": ""}, INVALID_ARGUMENT, "text"),
        ({"text": " \n"}, INVALID_ARGUMENT, "text"),
        ({"text": "a\0"}, INVALID_ARGUMENT, "text"),
        ({"text": "x" * 4_001}, INVALID_ARGUMENT, "text"),
        ({"idempotency_key": "k" * 65}, INVALID_ARGUMENT, "idempotency_key"),
        ({"idempotency_key": "\n"}, INVALID_ARGUMENT, "idempotency_key"),
    ],
)
def test_the_argument_at_fault_is_named(fields: dict[str, str], reason: str, field: str) -> None:
    good = {"actor": "alice", "message_id": "m", "text": "x", "idempotency_key": "k", "origin": ""}
    assert message_changes.check_change(EditMessage(**good), LIMITS) is None
    refusal = message_changes.check_change(EditMessage(**(good | fields)), LIMITS)
    assert refusal is not None
    assert (refusal.reason, refusal.field) == (reason, field)
