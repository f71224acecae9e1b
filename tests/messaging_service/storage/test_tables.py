"""The tables as migrated, and the plans of the statements on them."""

import re
from typing import Any

from sqlalchemy import Engine

from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.limits import Limits
from messaging_service.storage import (
    attendance,
    blocks,
    conversations,
    message_changes,
    messages,
    presence,
)
from messaging_service.storage.message_changes import update_removed
from tests.messaging_service.commands import edited, said
from tests.support.plans import explain

HOT_STATEMENTS = {
    name: statement
    for module in (attendance, blocks, conversations, message_changes, messages, presence)
    for name, statement in module.HOT_STATEMENTS.items()
}
# What is filtered after an index has found it, and is bounded: the newest conversations of somebody
# whose presence is told, the changes of a reader's own messages, and tombstones, which a watermark
# passes once.
FILTERED = re.compile(
    r"Filter: (.*(_blocked_revision|withheld_at)|\((first|second)_incoming_seq = seq\)$)"
)


def test_hot_queries_search_by_an_index(engine: Engine, database: Any) -> None:
    """No hot query scans a table or sorts; only the values given with it are walked through."""
    stored = database.say(
        *(said("alice", to=f"b{i}", subject=f"s{j}") for i in range(9) for j in range(9)),
        *(said("carol", to="dave", key=str(i)) for i in range(300)),
        limits=Limits(openings_per_hour=1_000),
    )
    database.change(
        *(
            edited(one.message.id, "x", f"edit {number}", one.message.sender)
            for number, one in enumerate(stored)
        )
    )
    pairs = [(f"e{i}", f"f{j}") for i in range(3) for j in range(400)]
    database.block(*(SetBlock(*pair, blocked=True, origin="") for pair in pairs))
    # Most have ended.
    ended = [pair for pair in pairs if pair[1] > "f1"]
    database.block(*(SetBlock(*pair, blocked=False, origin="") for pair in ended))
    hold_removed = {one.message.id: True for one in stored[::2]}
    database.read(update_removed, hold_removed, "epoch")
    for name, statement in HOT_STATEMENTS.items():
        searches, bad = explain(engine, str(statement.compile(engine)))
        assert searches, name
        assert [line for line in bad if not FILTERED.search(line)] == [], name
