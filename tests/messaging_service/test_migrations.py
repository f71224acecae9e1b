"""Updates of the database: everything written before one is there after it."""

from collections.abc import Callable
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from messaging_service.__main__ import SERVICE
from messaging_service.domain.blocks import SetBlock
from messaging_service.domain.messages import CreateMessage
from messaging_service.domain.watermarks import Mark
from messaging_service.operations.conversations import list_conversations
from messaging_service.operations.messages import list_messages
from messaging_service.operations.watermarks import mark_read
from messaging_service.settings import MessagingSettings
from service_kit.service import migrate
from tests.messaging_service.conftest import TalkingDatabase


def step_back(engine: Engine, revision: str) -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(SERVICE.migrations).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, revision)


def write(text_: str, actor: str = "ann", to: str = "bob") -> CreateMessage:
    return CreateMessage(actor, "", to, "", text_, f"{actor}-{text_}", "")


@pytest.mark.parametrize("revision", ["0004", "0005"])
def test_conversations_outlive_an_update(
    settings: MessagingSettings, engine: Engine, database: TalkingDatabase, revision: str
) -> None:
    """Their order, pages, counts and watermarks, on a database that was there before blocks and
    sanctions were; and what comes after goes on from there.
    """
    first, _, third = database.say(write("one"), write("two", "bob", "ann"), write("three"))
    database.say(write("elsewhere", to="cleo"))
    conversation = first.message.conversation_id
    database.run(mark_read, Mark("bob", conversation, 1, ""))

    def ask(query: Callable[..., Any], *arguments: Any) -> Any:
        with engine.connect() as connection:
            return query(connection, *arguments)

    def listed(user: str) -> list[Any]:
        """All but the versions, which nobody was told before there were any."""
        return [
            view._replace(
                conversation=view.conversation._replace(
                    first=view.conversation.first._replace(version=0),
                    second=view.conversation.second._replace(version=0),
                )
            )
            for view in ask(list_conversations, user, 10, "", 10).conversations
        ]

    def seen() -> list[Any]:
        return [
            *(listed(user) for user in ("ann", "bob", "cleo")),
            *(
                ask(list_messages, user, conversation, None, None, 10, 10)
                for user in ("ann", "bob")
            ),
        ]

    before = seen()
    step_back(engine, revision)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM messages")).scalar_one() == 4
    engine.dispose()
    migrate(SERVICE, settings)
    assert seen() == before

    (blocked,) = database.block(SetBlock("bob", "ann", blocked=True, origin=""))
    assert blocked
    (repeated, later) = database.say(write("three"), write("four"))
    assert (repeated.duplicate, repeated.message.id) == (True, third.message.id)
    assert later.message.seq == 4
    shown = ask(list_messages, "bob", conversation, None, None, 10, 10)
    assert [one.text for one in shown.messages] == ["one", "two", "three"]
