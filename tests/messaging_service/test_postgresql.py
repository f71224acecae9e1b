"""Failures that PostgreSQL alone has: restarts, cut connections, several writers."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from parley.messaging.v1 import messaging_pb2 as pb
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from messaging_service.__main__ import SERVICE
from messaging_service.settings import MessagingSettings
from service_kit.service import migrate
from service_kit.storage.bulk_statements import bulk_write
from service_kit.storage.clock import read_position, take_position
from service_kit.storage.migrations import check
from tests.support.postgresql import Postgresql, cut_commits
from tests.support.serving import opened

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


@pytest.fixture
def restartable(postgresql: Postgresql) -> Iterator[Postgresql]:
    """The server, which runs again after the test whatever happened in it."""
    yield postgresql
    postgresql.start()


async def say_until_stored(client: Any, key: str, conversation: str) -> pb.StoredMessage:
    """Create a message as a client that gets UNAVAILABLE does: again, with the same key."""
    while True:
        try:
            stored = await client.say("a", key, conversation_id=conversation, idempotency_key=key)
        except grpc.aio.AioRpcError as error:
            if error.code() is not UNAVAILABLE:
                raise
            # Each try comes to a server that is down, and there is nothing else to wait for.
            await asyncio.sleep(0.01)
        else:
            assert isinstance(stored, pb.StoredMessage)
            return stored


async def history(client: Any, conversation: str) -> list[tuple[int, str]]:
    """All messages of a conversation: (seq, text)."""
    found: list[tuple[int, str]] = []
    while True:
        after = found[-1][0] if found else 0
        answer = await client.call(
            "ListMessages", conversation_id=conversation, after_seq=after, page_size=200
        )
        found += [(one.seq, one.text) for one in answer.messages]
        if not answer.more:
            return found


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_under_load_loses_nothing(
    client: Any, restartable: Postgresql, mode: str
) -> None:
    """PostgreSQL stops or crashes and returns while many write: the service goes on by itself,
    and every message is in the history once, with the seq that was answered.
    """
    conversation = (await client.say("a", to="b")).conversation_id
    talkers, each = 8, 40
    answered: dict[str, int] = {}
    half = asyncio.Event()

    async def talk(talker: int) -> None:
        for number in range(each):
            key = f"{talker}-{number}"
            answered[key] = (await say_until_stored(client, key, conversation)).seq
            if len(answered) > talkers * each // 4:
                half.set()

    def restart() -> int:
        restartable.stop(mode)
        before = len(answered)
        restartable.start()
        return before

    talking = asyncio.gather(*(talk(talker) for talker in range(talkers)))
    await half.wait()
    assert await asyncio.to_thread(restart) < talkers * each
    await talking
    stored = await history(client, conversation)
    assert [seq for seq, _ in stored] == list(range(1, talkers * each + 2))
    assert {text: seq for seq, text in stored[1:]} == answered


async def test_reads_return_with_the_server(
    client: Any, refused: Any, restartable: Postgresql
) -> None:
    """While the server is down reads and writes are UNAVAILABLE; the first ones after it work."""
    conversation = (await client.say("a", to="b")).conversation_id
    request = pb.ListMessagesRequest(conversation_id=conversation)
    await client.call("ListMessages", request)
    await asyncio.to_thread(restartable.stop)
    await refused(client.call("ListMessages", request), UNAVAILABLE, "STORAGE_UNAVAILABLE")
    await refused(client.say("a", to="b"), UNAVAILABLE, "STORAGE_UNAVAILABLE")
    await asyncio.to_thread(restartable.start)
    assert len((await client.call("ListMessages", request)).messages) == 1
    assert (await client.say("a", to="b")).seq == 2


async def test_a_restart_between_two_calls_is_not_noticed(
    client: Any, restartable: Postgresql
) -> None:
    """Connections that died while nobody used them are replaced without a failure."""
    await client.say("a", to="b")

    def restart() -> None:
        restartable.stop()
        restartable.start()

    await asyncio.to_thread(restart)
    assert (await client.say("a", to="b")).seq == 2


async def test_a_connection_cut_in_a_transaction_stores_nothing(
    client: Any, refused: Any, settings: MessagingSettings, postgresql: Postgresql, monkeypatch: Any
) -> None:
    """pg_terminate_backend between two statements: UNAVAILABLE, no trace of it, and it goes on."""
    await client.say("a", to="b")

    def cut(*arguments: Any) -> None:
        postgresql.cut_writer(settings.database_url)
        bulk_write(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr("messaging_service.operations.working_set.bulk_write", cut)
        await refused(
            client.say("a", to="b", idempotency_key="k"), UNAVAILABLE, "STORAGE_UNAVAILABLE"
        )
    stored = await client.say("a", to="b", idempotency_key="k")
    assert (stored.seq, stored.duplicate) == (2, False)


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_commit_without_an_answer_is_not_answered_as_stored(
    client: Any, refused: Any, arrives: bool
) -> None:
    """The line breaks during COMMIT: UNAVAILABLE, whether or not it arrived. If it did, streams
    end with REVISION_GAP without waiting for another write, and a read gives the message.
    """
    stream = await client.watch(["b"])
    first = await client.say("a", to="b")
    await stream.events(1)
    with cut_commits(arrives=arrives):
        await refused(
            client.say("a", to="b", idempotency_key="k"), UNAVAILABLE, "STORAGE_UNAVAILABLE"
        )
    if arrives:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.events(1)
        assert caught.value.code() is grpc.StatusCode.ABORTED
        again = await client.watch(["b"])
        now = again.first.position
        after = pb.Position(epoch=stream.first.position.epoch, revision=1)
        (change,) = (await client.call("ListChanges", user="b", after=after, until=now)).changes
        assert change.events[0].message_created.message.seq == 2
    stored = await client.say("a", to="b", idempotency_key="k")
    assert (stored.seq, stored.duplicate) == (2, arrives)
    assert stored.conversation_id == first.conversation_id


@pytest.mark.parametrize(
    "state",
    [
        "08006",  # connection failure
        "25006",  # read-only transaction
        "25P03",  # idle in transaction for too long
        "53100",  # disk full
        "53300",  # too many connections
        "55P03",  # lock not available
        "57014",  # statement timeout
        "57P01",  # admin shutdown
        "57P03",  # cannot connect now
        "58030",  # I/O error
    ],
)
async def test_what_is_no_fault_of_the_command_can_be_tried_again(
    client: Any, refused: Any, engine: Engine, state: str
) -> None:
    """Whatever keeps the server from working now is UNAVAILABLE, and no defect."""
    await client.say("a", to="b")
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION SQLSTATE '{state}'; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER fail BEFORE INSERT ON messages EXECUTE FUNCTION fail()")
        )
    await refused(client.say("a", to="b"), UNAVAILABLE, "STORAGE_UNAVAILABLE")
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER fail ON messages"))
    assert (await client.say("a", to="b")).seq == 2


async def test_too_many_connections_end_by_themselves(
    serve: Any, refused: Any, settings: MessagingSettings, postgresql: Postgresql
) -> None:
    """A server without a connection to spare is UNAVAILABLE until it has one again."""
    name = make_url(settings.database_url).database
    async with serve() as client:
        await client.say("a", to="b")
        with postgresql.connect() as connection:
            connection.execute(f"CREATE ROLE few LOGIN; ALTER DATABASE {name} OWNER TO few")
    limited = str(make_url(settings.database_url).set(username="few"))
    with postgresql.connect(str(name)) as connection:
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO few")
    try:
        async with serve(database_url=limited) as client:
            with postgresql.connect() as connection:
                connection.execute("ALTER ROLE few CONNECTION LIMIT 0")
            postgresql.cut_writer(settings.database_url)
            await refused(client.say("a", to="b"), UNAVAILABLE, "STORAGE_UNAVAILABLE")
            with postgresql.connect() as connection:
                connection.execute("ALTER ROLE few CONNECTION LIMIT -1")
            assert (await client.say("a", to="b")).seq == 2
    finally:
        with postgresql.connect(str(name)) as connection:
            connection.execute(
                f"ALTER DATABASE {name} OWNER TO postgres; DROP OWNED BY few; DROP ROLE few"
            )


def test_writers_of_several_processes_commit_in_the_order_of_their_revisions(
    settings: MessagingSettings,
    engine: Engine,
) -> None:
    """A later one waits for the clock, and sees all that was committed before its revision."""
    began = threading.Event()

    def second() -> tuple[int, str]:
        with opened(settings.database_url) as other, other.begin() as connection:
            began.set()
            revision = take_position(connection).revision
            return revision, str(connection.execute(text("SELECT epoch FROM clock")).scalar())

    with ThreadPoolExecutor(1) as threads, engine.begin() as connection:
        assert take_position(connection).revision == 1
        waiting = threads.submit(second)
        began.wait(5)
        connection.execute(text("UPDATE clock SET epoch = 'the first was here'"))
        connection.commit()
        assert waiting.result(5) == (2, "the first was here")


def test_a_reader_sees_one_state_and_writes_nothing(
    settings: MessagingSettings, engine: Engine
) -> None:
    """All queries of a read transaction see the same, whatever is committed meanwhile."""
    with opened(settings.database_url, "reader") as reading:
        with reading.connect() as connection, connection.begin():
            before = read_position(connection)
            with engine.begin() as other:
                take_position(other)
            assert read_position(connection) == before
        with reading.connect() as connection, connection.begin():
            assert read_position(connection).revision == before.revision + 1
            with pytest.raises(DBAPIError, match="read-only"):
                take_position(connection)


def test_two_migrations_at_once_make_one_database(
    empty_database: str, settings: MessagingSettings
) -> None:
    """Of two processes that migrate one waits for the other, and both succeed."""
    fresh = settings.model_copy(update={"database_url": empty_database})
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(migrate, [SERVICE] * 4, [fresh] * 4)) == [0] * 4
    with opened(empty_database, "reader") as engine:
        check(engine, SERVICE.migrations)
