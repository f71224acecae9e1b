"""Evidence on a real database: every text that there was, for its time."""

from functools import partial
from typing import Any

from messaging_service.domain.refusals import Reason
from messaging_service.operations.evidence import list_evidence
from messaging_service.storage.message_changes import find_versions
from messaging_service.storage.retention import VERSIONS
from service_kit import retention
from service_kit.storage.clock import read_position
from tests.messaging_service.commands import deleted, edited, said


def test_list_evidence_gives_every_text_for_its_time(database: Any) -> None:
    """Around a message, in order, with all that each has been; until it is forgotten."""
    stored = database.say(*(said("alice", str(number)) for number in range(9)))
    ids = [one.message.id for one in stored]
    written = database.now
    database.change(edited(ids[4], "4b"))
    database.change(edited(ids[4], "4c"))
    database.change(deleted(ids[4]), deleted(ids[5]))
    page = database.read(list_evidence, ids[4], "", 2, 1, 200)
    found = page.evidence
    assert page.participants == ("alice", "bob")
    assert [one.message.id for one in found] == ids[2:6]
    versions = [(one.text, one.written_at, one.replaced_at) for one in found[2].versions]
    assert versions == [
        ("4", written, written + 1),
        ("4b", written + 1, written + 2),
        ("4c", written + 2, written + 3),
    ]
    assert [one.text for one in found[3].versions] == ["5"]
    assert [one.versions for one in found[:2]] == [[], []]
    conversation = stored[0].message.conversation_id
    newest = database.read(list_evidence, "", conversation, 3, 0, 200).evidence
    assert [one.message.id for one in newest] == ids[6:]
    most = database.read(list_evidence, "", conversation, 500, 0, 5)
    assert len(most.evidence) == 5

    def forget(before: int, most: int) -> int:
        return int(database.run(partial(retention.forget, VERSIONS, most), before)[0])

    revision = database.read(read_position).revision
    assert forget(written + 1, 10) == 0
    assert database.read(read_position).revision == revision
    assert forget(written + 3, 1) == 1
    assert forget(written + 3, 10) == 1
    left = database.read(find_versions, ids)
    assert {key: [one.text for one in texts] for key, texts in left.items()} == {
        ids[4]: ["4c"],
        ids[5]: ["5"],
    }


def test_list_evidence_refuses_by_name_what_can_not_be(database: Any) -> None:
    """Both or none of the two, negative counts, and what does not exist."""
    (stored,) = database.say(said("alice"))
    place = stored.message

    def ask(
        message: str, conversation: str, before: int = 0, after: int = 0, actor: str = ""
    ) -> Any:
        asked = (message, conversation, before, after, 10, actor)
        return database.read(list_evidence, *asked)

    assert ask("", "").field == "message_id"
    assert ask(place.id, place.conversation_id).field == "message_id"
    assert ask(place.id, "", -1).field == "before"
    assert ask(place.id, "", 0, -1).field == "after"
    assert ask("", place.conversation_id, 1, 1).field == "after"
    assert ask("0" * 36, "").reason is Reason.MESSAGE_NOT_FOUND
    assert ask("\0", "").reason is Reason.MESSAGE_NOT_FOUND
    assert ask("", "0" * 36).reason is Reason.CONVERSATION_NOT_FOUND
    # Nobody learns whether there is what is none of theirs.
    assert ask(place.id, "", actor="eve") == ask("0" * 36, "", actor="eve")
    assert ask("", place.conversation_id, actor="eve") == ask("", "0" * 36, actor="eve")
    assert [len(ask(place.id, "", actor=one).evidence) for one in ("alice", "bob")] == [1, 1]
