"""Updates of the database: everything written before one is there after it."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from moderation_service.__main__ import SERVICE
from moderation_service.domain.case.commands import LiftSanction
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.settings import ModerationSettings
from service_kit.service import migrate
from tests.moderation_service import story
from tests.moderation_service.operations.test_runner import decided, run
from tests.support.serving import Database


def step_back(engine: Engine, revision: str) -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(SERVICE.migrations).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, revision)


def last_words(engine: Engine) -> set[tuple[int, int]]:
    statement = "SELECT revision, ordinal FROM news WHERE forgettable_at IS NULL"
    with engine.connect() as connection:
        return {(one.revision, one.ordinal) for one in connection.execute(text(statement))}


def test_the_last_words_of_before_are_found(
    settings: ModerationSettings, database: Database
) -> None:
    """What services have to learn stays, as if each had been written with its time."""
    ban = story.measure(SanctionKind.BANNED, "bob")
    case = decided(database, ban, story.measure(SanctionKind.CONVERSATION_LOCKED))
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT id FROM sanctions ORDER BY kind")).all()
    for one in found:
        run(database, LiftSanction("max", story.MODERATOR, one.id, "enough"))
    decided(database, story.banned("cid"), subject=story.CONVERSATION)
    before = last_words(database.engine)
    assert len(before) == 3, case
    step_back(database.engine, "0004")
    database.engine.dispose()
    migrate(SERVICE, settings)
    assert last_words(database.engine) == before
