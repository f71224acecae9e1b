"""The rules of watermarks, by properties."""

from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain import messages as domain
from messaging_service.domain.conversations import Conversation, Side, open_conversation
from messaging_service.domain.messages import Message
from messaging_service.domain.watermarks import incoming_at, mark_delivered, mark_read


def opened() -> Conversation:
    return open_conversation("c", ("bob", "alice"), "", "bob", 5, 1)


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
        count, at = incoming_at(conversation, actor, message_at)
        side = conversation.side(actor)
        before = read[actor] if kind == "read" else delivered[actor]
        moved: Side | None
        if kind == "read":
            moved = mark_read(side, count, at, revision, revision)
            read[actor] = max(read[actor], newest)
            delivered[actor] = max(delivered[actor], newest)
        else:
            moved = mark_delivered(side, at, revision, revision)
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
