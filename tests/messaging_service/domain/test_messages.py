"""The rules of a conversation, by examples and by properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain import messages as domain
from messaging_service.domain.messages import (
    HOUR,
    Conversation,
    Limits,
    Message,
    Opening,
    Reason,
    Side,
)
from service_kit.rules import INVALID_ARGUMENT, Refusal


def opened() -> Conversation:
    return domain.open_conversation("c", ("bob", "alice"), "", "bob", 5, 1)


Step = tuple[str, str, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["say", "read", "deliver"]),
        st.sampled_from(["alice", "bob"]),
        st.integers(0, 30),
    ),
    max_size=60,
)


@given(steps)
def test_running_counts_agree_with_counting(plan: list[Step]) -> None:
    """After any steps, unread and watermarks equal what counting all messages anew gives."""
    conversation = opened()
    messages: list[Message] = []
    read = {"alice": 0, "bob": 0}
    delivered = {"alice": 0, "bob": 0}
    for revision, (kind, actor, seq) in enumerate(plan, start=2):
        if kind == "say":
            conversation, message = domain.add_message(
                conversation, f"m{revision}", actor, "x", None, revision, revision
            )
            messages.append(message)
            continue
        message_at = messages[seq - 1] if 0 < seq <= len(messages) else None
        covered = messages if message_at is None else messages[:seq]
        newest = max((one.seq for one in covered if one.sender != actor), default=0)
        count, at = domain.incoming_at(conversation, actor, message_at)
        side = conversation.side(actor)
        before = read[actor] if kind == "read" else delivered[actor]
        moved: Side | None
        if kind == "read":
            moved = domain.mark_read(side, count, at, revision, revision)
            read[actor] = max(read[actor], newest)
            delivered[actor] = max(delivered[actor], newest)
        else:
            moved = domain.mark_delivered(side, at, revision, revision)
            delivered[actor] = max(delivered[actor], newest)
        assert (moved is not None) == (newest > before)
        if moved is not None:
            conversation = conversation.with_side(moved, revision)
    assert [one.seq for one in messages] == list(range(1, len(messages) + 1))
    assert conversation.last_seq == len(messages)
    for user in ("alice", "bob"):
        side = conversation.side(user)
        incoming = [one.seq for one in messages if one.sender != user]
        assert side.unread == sum(seq > read[user] for seq in incoming)
        assert (side.read_seq, side.delivered_seq) == (read[user], delivered[user])
        assert side.read_seq in {0, *incoming}
        assert side.delivered_seq >= side.read_seq


@given(st.text(max_size=30))
def test_a_text_is_taken_as_it_is_or_refused(text: str) -> None:
    """Every text of some visible content within the limit is taken, all others are refused."""
    refusal = domain.check_text(text, 20)
    sound = bool(text.strip()) and len(text) <= 20 and "\0" not in text
    sound = sound and not any("\ud800" <= one <= "\udfff" for one in text)
    assert (refusal is None) == sound
    assert refusal is None or refusal.field == "text"


@pytest.mark.parametrize("text", ["", " \n\t", "\u2003", "a\0b", "\ud800", "x" * 21])
def test_texts_that_are_refused(text: str) -> None:
    """Nothing, only spaces, NUL, half a surrogate pair, and too much are each refused."""
    assert isinstance(domain.check_text(text, 20), Refusal)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"actor": ""}, "actor"),
        ({"actor": "a" * 129}, "actor"),
        ({"actor": "a\n"}, "actor"),
        ({"conversation_id": "", "to": ""}, "conversation_id"),
        ({"to": "bob"}, "conversation_id"),
        ({"conversation_id": "", "to": "alice"}, "to"),
        ({"conversation_id": "", "to": "b\x7f"}, "to"),
        ({"subject": "s"}, "subject"),
        ({"conversation_id": "", "to": "bob", "subject": "s" * 201}, "subject"),
        ({"text": " "}, "text"),
        ({"idempotency_key": "k" * 65}, "idempotency_key"),
    ],
)
def test_the_argument_at_fault_is_named(fields: dict[str, str], field: str) -> None:
    """Each bad argument of a message is refused under its own name."""
    good = {
        "actor": "alice",
        "conversation_id": "c",
        "to": "",
        "subject": "",
        "text": "hello",
        "idempotency_key": "k",
    }
    assert domain.check_message(**good, limits=Limits()) is None
    refusal = domain.check_message(**(good | fields), limits=Limits())
    assert refusal is not None
    assert (refusal.reason, refusal.field) == (INVALID_ARGUMENT, field)


def test_one_may_not_know_that_a_strange_id_can_not_exist() -> None:
    """An impossible conversation id is refused in the words of one that does not exist."""
    refusal = domain.check_message("alice", "c\0", "", "", "hello", "", Limits())
    assert refusal == domain.conversation_not_found()


@given(st.lists(st.integers(0, 3 * HOUR), max_size=12), st.integers(1, 5))
def test_the_wait_for_an_opening_is_exact(times: list[int], limit: int) -> None:
    """Refused openings become possible after retry_after, and not a millisecond before."""
    now = 3 * HOUR
    limits = Limits(openings_per_hour=limit)
    refusal = domain.decide_opening(times, now, limits)
    if refusal is None:
        assert sum(time > now - HOUR for time in times) < limit
        return
    assert refusal.reason is Reason.OPENINGS_LIMIT_REACHED
    then = now + refusal.retry_after
    assert domain.decide_opening(times, then, limits) is None
    if refusal.retry_after > 1:
        assert domain.decide_opening(times, then - 1, limits) is not None


def test_where_only_services_open_nobody_else_does() -> None:
    """With opening=internal a person is refused, however few conversations they opened."""
    refusal = domain.decide_opening((), 0, Limits(opening=Opening.INTERNAL))
    assert refusal is not None
    assert refusal.reason is Reason.OPENING_NOT_ALLOWED


@pytest.mark.parametrize("pair", [(), ("a",), ("a", "a"), ("a", "b", "c"), ("a", "")])
def test_a_conversation_has_two_different_people(pair: tuple[str, ...]) -> None:
    """None, one, the same twice, three, or a nameless one are refused."""
    refusal = domain.check_pair(pair)
    assert refusal is not None
    assert refusal.field == "participants"


@given(
    st.lists(st.tuples(st.sampled_from(["come", "go", "hide", "show"]), st.integers(1, 99))),
)
def test_presence_moves_only_as_others_may_see(steps: list[tuple[str, int]]) -> None:
    """Whatever comes: a change that is no news is none, `last_seen` never goes back, and whoever
    is invisible and offline does not move at all.
    """
    presence = domain.Presence("a")
    for revision, (step, at) in enumerate(steps, start=1):
        if step in {"hide", "show"}:
            presence = presence._replace(invisible=step == "hide")
            continue
        decide = domain.come_online if step == "come" else domain.go_offline
        changed = decide(presence, at, revision)
        if changed is None:
            # There already, not to be seen, or nothing that was not known.
            assert step == "come" or presence.invisible or at <= presence.last_seen
            continue
        assert changed.online is (step == "come")
        assert changed[:3] != presence[:3]
        assert changed.last_seen >= presence.last_seen
        assert (changed.revision, changed.invisible) == (revision, presence.invisible)
        assert presence.online or not presence.invisible
        presence = changed
