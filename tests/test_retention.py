"""The end of the rows of each table of the three databases."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData

from messaging_service.settings import MessagingSettings
from messaging_service.storage import retention as messaging_retention
from messaging_service.storage.tables import metadata as messaging
from moderation_service.settings import ModerationSettings
from moderation_service.storage.tables import FORGETTINGS as MODERATION_FORGETTINGS
from moderation_service.storage.tables import metadata as moderation
from negotiation_service.settings import NegotiationSettings
from negotiation_service.storage.tables import FORGETTINGS as NEGOTIATION_FORGETTINGS
from negotiation_service.storage.tables import metadata as negotiation
from service_kit.process.settings import ServiceSettings
from service_kit.storage.retention import Forgetting, retention_of
from tests.support.plans import explain, indexes_of
from tests.support.serving import opened

SERVICES: dict[str, tuple[MetaData, tuple[Forgetting, ...], type[ServiceSettings]]] = {
    "messaging": (messaging, messaging_retention.FORGETTINGS, MessagingSettings),
    "negotiation": (negotiation, NEGOTIATION_FORGETTINGS, NegotiationSettings),
    "moderation": (moderation, MODERATION_FORGETTINGS, ModerationSettings),
}
OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"


@pytest.mark.parametrize("name", SERVICES)
def test_every_table_says_what_ends_its_rows(name: str) -> None:
    """What bounds them, or after which settings which worker deletes them; and the operators'
    document has the same words.
    """
    metadata, forgettings, settings = SERVICES[name]
    document = OPERATIONS.read_text("utf-8")
    deleted = {one.table.name: one for one in forgettings}
    assert len(deleted) == len(forgettings)
    for table in metadata.tables.values():
        retention = retention_of(table)
        assert retention.bound
        assert bool(retention.days) == (table.name in deleted), table.name
        prefix = f"PARLEY_{name.upper()}_"
        days = ", ".join(f"`{prefix}{one.upper()}`" for one in retention.days)
        row = f"| {name} | `{table.name}` | {retention.bound} | {days} |"
        assert row.replace("|  |", "| |") in document, row
        for one in retention.days:
            assert one in settings.model_fields


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_old_is_found_by_an_index(name: str, empty_database: str) -> None:
    """However much is not old yet, or may not go."""
    metadata, forgettings, _ = SERVICES[name]
    with opened(empty_database) as engine:
        metadata.create_all(engine)
        for forgetting in forgettings:
            indexes, bad = plan(engine, forgetting)
            assert indexes, forgetting.table.name
            # A table without rows is joined in any way.
            assert [one for one in bad if "Join Filter" not in one] == [], forgetting.table.name


def plan(engine: Engine, forgetting: Forgetting) -> tuple[set[str], list[str]]:
    """The indexes that find what is old, and what is walked or sorted."""
    statement = str(forgetting.statement.compile(engine))
    return indexes_of(engine, statement), explain(engine, statement)[1]
