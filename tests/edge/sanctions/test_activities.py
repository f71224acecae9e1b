"""Sanctions forbid here what the moderation service says."""

from collections.abc import Collection

import msgspec
import pytest
from msgspec import UNSET

from edge.sanctions.activities import FORBIDS, forbids, restricts
from moderation_service.domain.sanctions.entities import SanctionKind as ServiceKind
from moderation_service.domain.sanctions.measures import MEASURES
from parley_protocol.packets import Activity
from parley_protocol.payloads.fields import Unspecified
from parley_protocol.payloads.moderation import Sanction, SanctionKind, Statement

STATEMENT = Statement("muted", "account", "now", "facts", "terms", "3", False, False)


def made(kind: SanctionKind | Unspecified, conversation: str = "") -> Sanction:
    plain = Sanction("s", kind, STATEMENT, "d", appealable=True, version=1)
    return msgspec.structs.replace(plain, conversation=conversation or UNSET)


def test_the_table_is_that_of_the_service() -> None:
    """Neither imports the other, so this holds them together: the same kinds forbid the same."""

    def named(activities: Collection[str]) -> set[str]:
        return {str(one) for one in activities}

    assert {kind: named(found) for kind, found in FORBIDS.items()} == {
        kind.value: named(rule.forbids) for kind, rule in MEASURES.items()
    }
    assert set(FORBIDS) == {kind.value for kind in ServiceKind}


@pytest.mark.parametrize("activity", Activity)
def test_a_locked_conversation_forbids_writing_in_it_and_nothing_else(activity: Activity) -> None:
    """Elsewhere everything is allowed, and so is what names no conversation."""
    locked = made("conversation_locked", "c")
    assert forbids(locked, activity, "c") is (activity is Activity.WRITE)
    assert not forbids(locked, activity, "other")
    assert not forbids(locked, activity, "")
    assert not forbids(made("conversation_locked"), activity, "")


def test_what_restricts_is_told_from_what_does_not() -> None:
    """A warning and a removed message keep nobody from anything."""
    found = {kind for kind in FORBIDS if restricts(made(kind))}
    assert found == {"conversation_locked", "muted", "suspended", "banned"}
