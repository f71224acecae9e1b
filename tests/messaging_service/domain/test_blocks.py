"""The rules of blocks, by examples and by properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain import blocks, message_changes
from messaging_service.domain import messages as domain
from messaging_service.domain.blocks import Block, SetBlock, shown_presence, turn_block
from messaging_service.domain.conversations import Conversation, open_conversation
from messaging_service.domain.limits import Limits
from messaging_service.domain.message_changes import Decision, Version
from messaging_service.domain.messages import EVENT, TEXT, Message
from messaging_service.domain.presence import Presence
from messaging_service.domain.refusals import Reason
from messaging_service.domain.watermarks import incoming_at, mark_delivered, mark_read
from service_kit.rules import Refusal
from tests.messaging_service.views import view

PEOPLE = ("alice", "bob")
OTHER = {"alice": "bob", "bob": "alice"}

Step = tuple[str, str, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["say", "say", "act", "time", "block", "unblock", "read", "deliver"]),
        st.sampled_from(PEOPLE),
        st.integers(0, 30),
    ),
    max_size=60,
)


def add(conversation: Conversation, sender: str, seq: int, kind: str) -> Conversation:
    return domain.add_message(conversation, f"m{seq}", sender, "x", None, seq, seq, kind)[0]


@given(steps)
def test_each_side_counts_what_it_is_shown(plan: list[Step]) -> None:
    """Whatever happens: the end, the order and the counts of a side are those of the messages that
    it is shown, seqs are dense, and nothing that is suppressed moves anything of the other.
    """
    conversation = open_conversation("c", PEOPLE, "", "alice", 1, 1)
    messages: list[Message] = []
    hidden: dict[str, set[int]] = {"alice": set(), "bob": set()}
    for revision, (what, who, seq) in enumerate(plan, start=2):
        side, peer = conversation.side(who), conversation.peer(who)
        if what in {"say", "act", "time"}:
            if what == "say" and side.blocks:
                refused = blocks.may_write(side)
                assert refused is not None
                assert refused.reason is Reason.BLOCKED
                continue
            kind, sender = (TEXT if what == "say" else EVENT), ("" if what == "time" else who)
            conversation, message = domain.add_message(
                conversation, f"m{revision}", sender, "x", None, revision, revision, kind
            )
            messages.append(message)
            assert message.suppressed == (what != "time" and peer.blocks)
            if message.suppressed:
                hidden[peer.user].add(message.seq)
                assert conversation.side(peer.user) == peer
                assert domain.readers(conversation, message) == (who,)
            else:
                assert domain.readers(conversation, message) == PEOPLE
        elif what in {"block", "unblock"}:
            if side.blocks != (what == "block"):
                turn = blocks.block if what == "block" else blocks.unblock
                turned = turn(side, revision)
                assert turned.shown_read == side.shown_read
                assert turned.turned_revision == revision
                conversation = conversation.with_side(turned, revision)
        else:
            message_at = messages[seq - 1] if 0 < seq <= len(messages) else None
            count, at = incoming_at(conversation, who, message_at)
            moved = (
                mark_read(side, count, at, revision, revision)
                if what == "read"
                else mark_delivered(side, at, revision, revision)
            )
            if moved is not None:
                assert not side.blocks or moved.shown_read == side.shown_read
                assert not side.blocks or moved.delivered_seq == side.delivered_seq
                conversation = conversation.with_side(moved, revision)
    assert [one.seq for one in messages] == list(range(1, len(messages) + 1))
    for user in PEOPLE:
        side = conversation.side(user)
        shown = [one for one in messages if one.is_shown_to(user)]
        assert {one.seq for one in messages} - {one.seq for one in shown} == hidden[user]
        incoming = [one.seq for one in shown if one.sender != user]
        assert side.last_seq == max((one.seq for one in shown), default=0)
        assert side.activity == max((one.revision for one in shown), default=1)
        assert side.incoming_count == len(incoming)
        assert side.unread == sum(seq > side.read_seq for seq in incoming)
        assert side.read_seq in {0, *incoming}
        assert side.shown_read[0] in {0, *incoming}
        assert side.shown_read[0] <= side.read_seq
        assert side.delivered_seq >= side.shown_read[0]


def test_the_next_mark_after_a_block_shows_what_was_read_in_it() -> None:
    """Once, and though the reader's own watermark moves no more; not what the reader is told."""
    conversation = open_conversation("c", PEOPLE, "", "bob", 1, 1)
    for seq in (2, 3):
        conversation = add(conversation, "bob", seq, TEXT)
    side = mark_read(conversation.side("alice"), 1, 1, 4, 4)
    assert side is not None
    side = mark_read(blocks.block(side, 5), 2, 2, 6, 6)
    assert side is not None
    assert (side.unread, side.shown_read, side.delivered_seq) == (0, (1, 4, 4), 1)
    side = blocks.unblock(side, 7)
    assert side.shown_read == (1, 4, 4)
    assert mark_read(side, 1, 1, 8, 8) is None
    shown = mark_read(side, 2, 2, 9, 9)
    assert shown is not None
    assert (shown.shown_read, shown.delivered_seq) == ((2, 9, 9), 2)
    assert (shown.read_seq, shown.read_at, shown.read_revision) == (2, 6, 6)
    assert mark_read(shown, 2, 2, 10, 10) is None


@pytest.mark.parametrize(("opened_by", "activity"), [("bob", 0), ("alice", 9), ("", 9)])
def test_what_the_blocked_one_opens_is_not_shown(opened_by: str, activity: int) -> None:
    """To the one who blocks, until what time did is in it, or something of the one who blocks."""
    conversation = open_conversation("c", PEOPLE, "", opened_by, 1, 9, {"alice": 5})
    assert conversation.side("alice").activity == activity
    assert conversation.is_shown_to("alice") is (activity > 0)
    assert conversation.is_shown_to("bob")
    assert not conversation.is_shown_to("carol")
    conversation = add(conversation, "bob", 10, TEXT)
    assert conversation.side("alice").activity == activity
    conversation = add(conversation, "bob", 11, EVENT)
    assert conversation.side("alice").activity == activity
    for sender, kind in (("", EVENT), ("alice", EVENT), ("alice", TEXT)):
        assert add(conversation, sender, 12, kind).is_shown_to("alice")


def test_what_was_withheld_is_suppressed_when_the_block_has_ended() -> None:
    """Negotiation tells of a deed a moment later: what counts is how it was then."""
    conversation = open_conversation("c", PEOPLE, "", "bob", 1, 1)
    deed = ("m", "bob", "x", None, 2, 2, EVENT)
    after, message = domain.add_message(conversation, *deed, withheld=True)
    assert message.suppressed
    assert after.side("alice") == conversation.side("alice")
    assert domain.readers(after, message) == ("bob",)


def test_a_withheld_edit_is_seen_by_its_author_alone() -> None:
    """The other goes on seeing what was there; no text is lost, whatever comes after."""
    conversation = open_conversation("c", PEOPLE, "", "bob", 1, 1)
    _, message = domain.add_message(conversation, "m", "bob", "one", None, 10, 2)
    limits = Limits()

    def edit(before: Message, text: str, now: int, *, withheld: bool) -> Decision:
        changed = message_changes.edit_message(before, text, now, now, limits, withheld=withheld)
        assert isinstance(changed, Decision)
        return changed

    first = edit(message, "two", 20, withheld=True)
    assert first.versions == ()
    assert (view(first.message, "bob").text, view(first.message, "bob").edited_at) == ("two", 20)
    assert view(first.message, "alice") == view(first.message) == view(message)
    again = edit(first.message, "three", 30, withheld=True)
    assert again.versions == (Version("m", "two", 20, 30),)
    assert again.message.edits == 2
    for changed in (
        edit(again.message, "four", 40, withheld=False),
        message_changes.delete_message(again.message, 40, 40),
    ):
        assert changed is not None
        assert changed.versions == (
            Version("m", "one", 10, 40),
            Version("m", "three", 30, 40),
        )
        assert view(changed.message, "bob") == view(changed.message, "alice")
    removed = message_changes.remove(again.message, 50, 50)
    assert removed is not None
    assert view(removed, "bob").tombstone == view(removed, "alice").tombstone == "removed"
    restored = message_changes.restore(removed, 60, 60)
    assert restored is not None
    assert (view(restored, "bob").text, view(restored, "alice").text) == ("three", "one")


def test_who_blocks_is_shown_as_having_left() -> None:
    """Until the block began, or as before when nobody was there; of who was never seen nothing."""
    never = Block("alice", "bob", active=False, changed_at=0, revision=0)

    def block(presence: Presence | None) -> Block:
        return turn_block(never, presence, 9, 3, active=True)

    here = Presence("alice", online=True, last_seen=5, revision=2, version=8)
    left = Presence("alice", last_seen=9, revision=3, version=9)
    assert shown_presence(here, block(here), None) == left
    away = here._replace(online=False)
    assert shown_presence(here, block(away), None) == away
    assert shown_presence(here, block(None), None) is None


def test_the_end_of_a_block_shows_nothing_of_who_was_away_all_the_while() -> None:
    """Neither another state nor another version; who came, or was there, is shown as news."""
    never = Block("alice", "bob", active=False, changed_at=0, revision=0)
    away = Presence("alice", last_seen=5, revision=2, version=8)
    begun = turn_block(never, away, 9, 3, active=True)
    for there, shown in (
        (away, away),
        (None, None),
        (away._replace(online=True), away._replace(online=True, revision=4, version=12)),
        (
            away._replace(last_seen=11, revision=3, version=11),
            away._replace(last_seen=11, revision=4, version=12),
        ),
    ):
        block = begun if there else turn_block(never, None, 9, 3, active=True)
        ended = turn_block(block, there, 12, 4, active=False)
        assert shown_presence(there, ended, None) == shown
        # The one who has blocked is shown something again.
        own = shown and there and there._replace(revision=4, version=12)
        assert shown_presence(there, None, ended) == own
        assert shown_presence(there, None, block) is None


@pytest.mark.parametrize(
    ("actor", "user", "field"),
    [("", "bob", "actor"), ("alice", "", "user"), ("alice", "b\n", "user"), ("a", "a", "user")],
)
def test_the_argument_at_fault_is_named(actor: str, user: str, field: str) -> None:
    refusal = blocks.check_set_block(SetBlock(actor, user, blocked=True, origin=""))
    assert isinstance(refusal, Refusal)
    assert refusal.field == field
    assert blocks.check_set_block(SetBlock("alice", "bob", blocked=True, origin="")) is None


def test_blocks_are_limited() -> None:
    limits = Limits(blocks_per_user=2)
    assert blocks.decide_block(1, 3, limits) is None
    # Those that have ended stand for a while, and no more than there may be others.
    for refusal in (blocks.decide_block(2, 2, limits), blocks.decide_block(0, 4, limits)):
        assert refusal is not None
        assert (refusal.reason, refusal.limit) == (Reason.TOO_MANY_BLOCKS, "blocks_per_user")
