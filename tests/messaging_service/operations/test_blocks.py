"""Blocks on a real database: what is stored, told and refused."""

from functools import partial
from itertools import chain
from typing import Any

import pytest

from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.conversations import CreateConversation
from messaging_service.domain.events import BlockChanged, MessageCreated
from messaging_service.domain.limits import Limits
from messaging_service.domain.message_changes import DeleteMessage, EditMessage
from messaging_service.domain.messages import CreateMessage
from messaging_service.domain.presence import Presence
from messaging_service.domain.refusals import Reason
from messaging_service.domain.watermarks import Mark
from messaging_service.operations.blocks import list_blocks
from messaging_service.operations.conversations import (
    create_conversation,
    get_conversation,
    list_conversations,
)
from messaging_service.operations.evidence import list_evidence
from messaging_service.operations.messages import get_messages, list_messages
from messaging_service.operations.presence import Attend, SetInvisible, attend, set_invisible
from messaging_service.operations.watermarks import mark_read
from service_kit.storage.clock import read_position
from tests.support.serving import pages

ATTEND = partial(attend, 500)


def said(actor: str, to: str, text: str = "hello", *, subject: str = "", key: str = "") -> Any:
    return CreateMessage(actor, "", to, subject, text, key, "origin")


def blocked(actor: str, user: str) -> SetBlock:
    return SetBlock(actor, user, blocked=True, origin="origin")


def unblocked(actor: str, user: str) -> SetBlock:
    return SetBlock(actor, user, blocked=False, origin="origin")


def conversations(database: Any, actor: str) -> list[Any]:
    read = partial(list_conversations, presence=True)
    return list(database.read(read, actor, 100, "", 100).conversations)


def history(database: Any, actor: str, conversation: str) -> list[tuple[int, str]]:
    page = database.read(list_messages, actor, conversation, None, None, 100, 100)
    return [(one.seq, one.text) for one in page.messages]


def test_set_block_of_what_is_so_already_changes_nothing(database: Any) -> None:
    """To block twice, or to unblock whom one never blocked: an answer, no event, no revision."""
    (first,) = database.block(blocked("alice", "bob"))
    before = database.read(read_position)
    again, other = database.block(blocked("alice", "bob"), unblocked("alice", "carol"))
    at = database.now - 1
    assert first == again == BlockChanged("alice", "bob", blocked=True, version=at, origin="origin")
    assert other == BlockChanged("alice", "carol", blocked=False, version=0, origin="origin")
    assert database.read(read_position) == before
    assert [(to, event) for _, to, event in database.events] == [(("alice",), first)]


def test_commands_of_one_transaction_are_decided_in_their_order(database: Any) -> None:
    """Also about the same two, and the limit counts those before."""
    limits = Limits(blocks_per_user=2)
    outcomes = database.block(
        blocked("alice", "bob"),
        blocked("alice", "carol"),
        blocked("alice", "dave"),
        blocked("bob", "alice"),
        unblocked("alice", "bob"),
        blocked("alice", "dave"),
        blocked("alice", "dave"),
        blocked("alice", "alice"),
        limits=limits,
    )
    reasons = [getattr(one, "reason", None) for one in outcomes]
    assert reasons[:7] == [None, None, Reason.TOO_MANY_BLOCKS, *[None] * 4]
    assert outcomes[7].field == "user"
    (refused,) = database.block(blocked("alice", "erin"), limits=limits)
    assert refused.reason is Reason.TOO_MANY_BLOCKS
    page = database.read(list_blocks, "alice", 10, "", 10)
    assert [one.blocked for one in page.blocks] == ["dave", "carol"]


def test_list_blocks_gives_pages_newest_first(database: Any) -> None:
    """Several of one revision as well, whatever people are called; what has ended is not listed."""
    names = ["a:b", "käthe", "%41", "%", ":", "z z", "日本"]
    database.block(*(blocked("m", name) for name in names))
    database.block(blocked("m", "newest"), blocked("other", "m"))
    database.block(blocked("m", "ended"))
    database.block(unblocked("m", "ended"))
    found = [
        [one.blocked for one in page.blocks]
        for page in pages(lambda token: database.read(list_blocks, "m", 2, token, 100))
    ]
    assert all(len(page) <= 2 for page in found)
    assert [*chain(*found)] == ["newest", *sorted(names, reverse=True)]
    assert database.read(list_blocks, "m", 2, "?", 100).field == "page_token"
    assert database.read(list_blocks, "", 2, "", 100).field == "actor"


def test_a_conversation_of_the_blocked_one_is_there_for_its_author_alone(database: Any) -> None:
    """To the other it does not exist until something is in it that both see; then with a seq that
    tells of a hole, and nothing in it.
    """
    start = database.read(read_position)
    database.block(blocked("alice", "bob"))
    since = database.now
    (stored,) = database.say(said("bob", "alice", "one"))
    assert (stored.message.seq, stored.duplicate) == (1, False)
    conversation = stored.message.conversation_id
    missing = database.read(get_conversation, "alice", conversation)
    assert missing.reason is Reason.CONVERSATION_NOT_FOUND
    assert database.read(list_messages, "alice", conversation, None, None, 10, 10) == missing
    (mark,) = database.run(mark_read, Mark("alice", conversation, 0, ""))
    assert mark == missing
    assert conversations(database, "alice") == []
    assert database.read(get_messages, "alice", [stored.message.id]) == []
    assert [one.conversation.id for one in conversations(database, "bob")] == [conversation]
    assert database.missed_events("alice", start) == [
        BlockChanged("alice", "bob", blocked=True, version=since, origin="")
    ]
    (refused,) = database.say(said("alice", "bob"))
    assert refused.reason is Reason.BLOCKED
    database.block(unblocked("alice", "bob"))
    assert conversations(database, "alice") == []
    (answer,) = database.say(said("alice", "bob", "two"))
    assert (answer.message.conversation_id, answer.message.seq) == (conversation, 2)
    assert history(database, "alice", conversation) == [(2, "two")]
    assert history(database, "bob", conversation) == [(1, "one"), (2, "two")]


def test_a_new_conversation_knows_of_an_older_block(database: Any) -> None:
    """About whatever subject, and whoever opens it."""
    database.block(blocked("alice", "bob"))
    one, other = database.say(said("bob", "alice", subject="x"), said("alice", "bob", subject="y"))
    assert other.reason is Reason.BLOCKED
    introduction = CreateConversation(("alice", "bob"), "z")
    (introduced,) = database.run(partial(create_conversation, Limits()), introduction)
    # What a service opens both see, but words stay suppressed.
    assert [one.conversation.subject for one in conversations(database, "alice")] == ["z"]
    database.say(said("bob", "alice", subject="z"))
    assert history(database, "alice", introduced.conversation.id) == []
    database.say(said("bob", "alice", subject="x"))
    assert len(history(database, "bob", one.message.conversation_id)) == 2


def test_a_repeated_key_is_answered_whatever_the_block(database: Any) -> None:
    """Of what was stored before, to both, and of what was suppressed to its author."""
    (mine,) = database.say(said("alice", "bob", key="k"))
    (theirs,) = database.say(said("bob", "alice", key="k"))
    database.block(blocked("alice", "bob"))
    (suppressed,) = database.say(said("bob", "alice", "again", key="l"))
    before = len(database.events)
    assert database.say(
        said("alice", "bob", key="k"),
        said("bob", "alice", key="k"),
        said("bob", "alice", "again", key="l"),
    ) == [one._replace(duplicate=True) for one in (mine, theirs, suppressed)]
    assert len(database.events) == before


def test_a_key_stays_known_over_withheld_edits(database: Any) -> None:
    """The first text is what it was used for, however often another one was shown since."""
    (stored,) = database.say(said("bob", "alice", "one", key="k"))
    database.block(blocked("alice", "bob"))
    message = stored.message.id
    for text in ("two", "three"):
        database.change(EditMessage("bob", message, text, f"key of {text}", ""))
    (again,) = database.say(said("bob", "alice", "one", key="k"))
    assert again.duplicate
    database.block(unblocked("alice", "bob"))
    database.change(EditMessage("bob", message, "four", "", ""))
    database.change(DeleteMessage("bob", message, "", ""))
    (again,) = database.say(said("bob", "alice", "one", key="k"))
    assert again.duplicate
    (conflict,) = database.say(said("bob", "alice", "two", key="k"))
    assert conflict.reason == Reason.IDEMPOTENCY_KEY_CONFLICT
    (edit,) = database.change(EditMessage("bob", message, "two", "key of two", ""))
    assert edit.duplicate
    assert edit.changed.message.text == "two"


def test_who_blocks_deletes_but_does_not_edit(database: Any) -> None:
    """An edit writes to the other; to take back does not."""
    (stored,) = database.say(said("alice", "bob"))
    database.block(blocked("alice", "bob"))
    (refused,) = database.change(EditMessage("alice", stored.message.id, "words", "", ""))
    assert refused.reason is Reason.BLOCKED
    (deleted,) = database.change(DeleteMessage("alice", stored.message.id, "", ""))
    assert deleted.changed.change == "deleted"
    assert database.events[-1][1] == ("alice", "bob")


def test_evidence_has_what_was_never_shown(database: Any) -> None:
    """Suppressed messages, and withheld edits beside what the other sees; nobody reports what they
    were never shown.
    """
    first, second = database.say(said("alice", "bob", "mine"), said("bob", "alice", "one"))
    database.block(blocked("alice", "bob"))
    (third,) = database.say(said("bob", "alice", "suppressed"))
    database.change(EditMessage("bob", second.message.id, "two", "", ""))
    database.change(EditMessage("bob", third.message.id, "worse", "", ""))
    conversation = first.message.conversation_id
    page = database.read(list_evidence, "", conversation, 10, 0, 10)
    assert [
        (
            one.message.text,
            [version.text for version in one.versions],
            one.suppressed,
            one.withheld and one.withheld.text,
        )
        for one in page.evidence
    ] == [
        ("mine", [], False, None),
        ("one", [], False, "two"),
        ("worse", ["suppressed"], True, None),
    ]
    # A report of the conversation has the newest that its reporter is shown, and those before it.
    database.say(*(said("bob", "alice", str(number)) for number in range(20)))
    for actor, texts in (("alice", ["mine", "one"]), ("", ["18", "19"])):
        page = database.read(list_evidence, "", conversation, 2, 0, 10, actor)
        assert [one.message.text for one in page.evidence] == texts
    unseen = database.read(list_evidence, third.message.id, "", 0, 0, 10, "alice")
    assert unseen.reason is Reason.MESSAGE_NOT_FOUND
    own = database.read(list_evidence, third.message.id, "", 0, 0, 10, "bob")
    assert own.evidence[0].suppressed


def test_a_page_is_filled_with_what_is_shown(database: Any) -> None:
    """However much lies between: pages have their size, and `more` speaks of what is shown."""
    (first,) = database.say(said("alice", "bob", "first"))
    database.block(blocked("alice", "bob"))
    database.say(*(said("bob", "alice", str(number)) for number in range(50)))
    database.block(unblocked("alice", "bob"))
    database.say(said("bob", "alice", "last"))
    conversation = first.message.conversation_id
    read = partial(database.read, list_messages, "alice", conversation)
    assert history(database, "alice", conversation) == [(1, "first"), (52, "last")]
    page = read(None, None, 1, 100)
    assert ([one.seq for one in page.messages], page.more) == ([52], True)
    page = read(52, None, 1, 100)
    assert ([one.seq for one in page.messages], page.more) == ([1], False)
    page = read(None, 1, 1, 100)
    assert ([one.seq for one in page.messages], page.more) == ([52], False)
    # The hole is confirmed as nothing.
    page = read(52, None, 100, 100)
    assert [one.seq for one in page.messages] == [1]
    (view,) = conversations(database, "alice")
    assert (view.conversation.side("alice").unread, view.last_message.text) == (1, "last")


def test_the_one_who_blocks_leaves_in_the_eyes_of_the_blocked(database: Any) -> None:
    """Live, in the list and to a resume, seen last when the block began, whatever happens then; the
    one who blocks is shown nothing. Others, and both after it, are told as ever.
    """
    database.say(said("alice", "bob"), said("alice", "carol"), said("bob", "alice"))
    database.run(ATTEND, Attend("alice", here=True, at=5), Attend("bob", here=True, at=6))
    start = database.read(read_position)
    database.events.clear()
    database.block(blocked("alice", "bob"))
    at, revision = database.now, database.read(read_position).revision
    left = Presence("alice", last_seen=at, revision=revision, version=at)
    assert [one for one in database.events if isinstance(one[2], Presence)] == [
        (revision, ("bob",), left)
    ]
    database.run(
        ATTEND, Attend("alice", here=False, at=at + 5), Attend("bob", here=False, at=at + 6)
    )
    database.run(ATTEND, Attend("alice", here=True, at=at + 7))
    told = {to for _, to, event in database.events[2:] if isinstance(event, Presence)}
    assert told == {("carol",)}
    assert conversations(database, "bob")[0].peer.presence == left
    assert {one.peer.presence for one in conversations(database, "alice")} == {None}
    assert database.missed_events("bob", start) == [left]
    assert [
        one for one in database.missed_events("alice", start) if isinstance(one, Presence)
    ] == []
    between = database.read(read_position)
    database.events.clear()
    database.block(unblocked("alice", "bob"))
    shown = {to: event for _, to, event in database.events if isinstance(event, Presence)}
    assert (shown["bob",].online, shown["alice",].online) == (True, False)
    assert database.missed_events("bob", between) == [shown["bob",]]
    assert shown["alice",] in database.missed_events("alice", between)


def test_who_was_away_or_never_seen_stays_so(database: Any) -> None:
    """Nobody is told to have left who was not there, and a time does not come into being."""
    database.say(said("alice", "bob"), said("carol", "bob"), said("dave", "bob"))
    database.run(ATTEND, Attend("alice", here=True, at=5), Attend("dave", here=True, at=5))
    database.run(ATTEND, Attend("alice", here=False, at=8))
    database.events.clear()
    database.block(blocked("alice", "bob"), blocked("carol", "bob"))
    database.block(blocked("dave", "bob"), presence=False)
    assert not [event for _, _, event in database.events if isinstance(event, Presence)]
    database.run(ATTEND, Attend("alice", here=True, at=50), Attend("carol", here=True, at=50))
    shown = {
        one.conversation.peer("bob").user: one.peer.presence
        for one in conversations(database, "bob")
    }
    assert shown["alice"] is not None
    assert (shown["alice"].online, shown["alice"].last_seen) == (False, 8)
    assert shown["carol"] is shown["dave"] is None


def shown_of(view: Any) -> Presence | None:
    """The presence as it is shown, which does not tell of the wish to be invisible."""
    presence: Presence | None = view.peer.presence
    return presence and presence._replace(invisible=False)


@pytest.mark.parametrize("invisible", [True, False])
@pytest.mark.parametrize("seen", [True, False])
def test_the_blocked_one_is_told_nothing_of_who_is_away(
    database: Any, invisible: bool, seen: bool
) -> None:
    """Neither live nor by a resume from any moment, when a block begins or ends; and the list is as
    before, version and all. Who comes while it lasts is shown after it.
    """
    database.say(said("alice", "bob"))
    if seen:
        database.run(ATTEND, Attend("alice", here=True, at=5))
        database.run(ATTEND, Attend("alice", here=False, at=8))
    database.run(set_invisible, SetInvisible("alice", invisible=invisible))
    (before,) = conversations(database, "bob")
    places = [database.read(read_position)]
    database.events.clear()
    for command in (blocked("alice", "bob"), unblocked("alice", "bob"), blocked("alice", "bob")):
        database.block(command)
        places.append(database.read(read_position))
        (now,) = conversations(database, "bob")
        assert shown_of(now) == shown_of(before)
        for user in ("first", "second"):
            side = getattr(now.conversation, user)
            was = getattr(before.conversation, user)
            assert side.version == was.version or side.user == "alice"
    assert not [event for _, to, event in database.events if "bob" in to]
    assert [database.missed_events("bob", place) for place in places] == [[]] * len(places)
    database.run(ATTEND, Attend("alice", here=True, at=50))
    database.block(unblocked("alice", "bob"))
    shown = [event for _, to, event in database.events if "bob" in to]
    assert [one.online for one in shown] == ([] if invisible else [True])
    assert database.missed_events("bob", places[0]) == shown


def test_two_who_block_each_other_end_it_one_by_one(database: Any) -> None:
    """Nothing passes until both have; then what is new does."""
    (first,) = database.say(said("alice", "bob"))
    database.block(blocked("alice", "bob"), blocked("bob", "alice"))
    (refused,) = database.say(said("bob", "alice"))
    database.block(unblocked("alice", "bob"))
    (still_refused,) = database.say(said("bob", "alice"))
    assert refused.reason is still_refused.reason is Reason.BLOCKED
    (suppressed,) = database.say(said("alice", "bob", "suppressed"))
    database.block(unblocked("bob", "alice"))
    database.say(said("alice", "bob", "seen"))
    conversation = first.message.conversation_id
    assert history(database, "bob", conversation) == [(1, "hello"), (3, "seen")]
    assert suppressed.message.seq == 2
    created = [event for _, to, event in database.events if "bob" in to]
    texts = [one.message.text for one in created if isinstance(one, MessageCreated)]
    assert texts == ["hello", "seen"]


@pytest.mark.parametrize("actor", ["alice", "bob"])
def test_services_learn_that_nothing_new_may_begin(database: Any, actor: str) -> None:
    """On anybody's behalf; but they do not learn who blocks whom."""
    (stored,) = database.say(said("alice", "bob"))

    def is_blocked() -> bool:
        view = database.read(get_conversation, actor, stored.message.conversation_id)
        return bool(view.conversation.blocked)

    assert not is_blocked()
    database.block(blocked("alice", "bob"))
    assert is_blocked()
    database.block(unblocked("alice", "bob"))
    assert not is_blocked()
