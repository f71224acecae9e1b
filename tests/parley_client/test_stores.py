"""Stores: what they keep of whom, and what is told when they are full, denied, locked or broken."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from parley_client import Client, MemoryStore, SqliteStore
from parley_client.entries import Entry, EntryState
from parley_client.errors import StorageError, WrongUserError
from parley_client.stores.store import Store
from parley_protocol.packets import Op
from parley_protocol.payloads.fields import Money
from parley_protocol.payloads.messaging import CreateMsg
from parley_protocol.payloads.negotiation import ServiceCreated
from tests.parley_client.scripted import Server, fast, take_failure
from tests.support.waiting import eventually, until

# Late enough to be sent still.
NOW = round(time.time() * 1000)
SERVER, OTHER = "ws://one/ws", "ws://two/ws"

Open = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def reopened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Gives a store anew, as a client of a later time does; what is kept is the same."""
    if request.param == "memory":
        kept = MemoryStore()
        return lambda: kept
    return lambda: SqliteStore(tmp_path / "client.db")


def entry(number: int, **more: Any) -> Entry:
    payload = CreateMsg(f"text {number}", to="bob", idempotency_key=f"k{number}")
    return Entry(f"k{number}", payload, "lane", NOW + number, number, **more)


async def test_what_was_put_is_found_in_order(reopened: Open) -> None:
    """With all that is known of it; removed it is gone."""
    store = reopened()
    assert (await store.open(SERVER, "ann")).entries == ()
    deal = ServiceCreated(
        "c1", "provider", "Roof", Money(120_00, "EUR"), description="ü \U0001f600"
    )
    failed = Entry("d", deal, "deals c1", 5, 2, EntryState.FAILED, {"code": "NOT_FOUND"}, 3)
    for one in (entry(3), failed, entry(1), entry(4)):
        await store.put(replace(one, durable=True))
    await store.put(replace(entry(3, state=EntryState.SENT, attempts=1), durable=True))
    await store.remove("k4")
    await store.remove("nothing")
    await store.save_cursor("c7")
    await store.close()
    store = reopened()
    stored = await store.open(SERVER, "ann")
    assert (stored.user, stored.cursor, stored.unreadable) == ("ann", "c7", 0)
    assert list(stored.entries) == [
        replace(entry(1), durable=True),
        replace(failed, durable=True),
        replace(entry(3, state=EntryState.SENT, attempts=1), durable=True),
    ]
    await store.close()


async def test_each_user_of_each_server_has_what_is_theirs(reopened: Open) -> None:
    """Another server or user sees nothing of it; without a name it is the last one's."""
    for server, user in ((SERVER, "ann"), (OTHER, "ann"), (SERVER, "bob")):
        store = reopened()
        stored = await store.open(server, user)
        assert (stored.cursor, stored.entries) == (None, ())
        await store.put(entry(1))
        await store.save_cursor(f"{server} {user}")
        await store.close()
    asked: list[tuple[str, str | None, str | None]] = [
        (SERVER, None, "bob"),
        (SERVER, "ann", "ann"),
        (SERVER, None, "ann"),
        (OTHER, None, "ann"),
        ("ws://three/ws", None, None),
    ]
    for server, name, found in asked:
        store = reopened()
        stored = await store.open(server, name)
        assert stored.user == found
        assert stored.cursor == (None if found is None else f"{server} {found}")
        await store.close()


async def test_what_is_nobodys_yet_becomes_that_of_who_is_greeted(reopened: Open) -> None:
    """Written before anybody was ever connected."""
    store = reopened()
    assert (await store.open(SERVER, None)).user is None
    await store.put(entry(1))
    await store.close()
    store = reopened()
    assert len((await store.open(SERVER, None)).entries) == 1
    await store.claim("ann")
    await store.close()
    store = reopened()
    stored = await store.open(SERVER, "ann")
    assert (stored.user, len(stored.entries)) == ("ann", 1)
    await store.close()
    store = reopened()
    assert (await store.open(SERVER, "bob")).entries == ()
    await store.close()


# The client and a store that fails.


def client(server: Server, store: Store, **more: Any) -> Client:
    return Client(server.url, token="t", store=store, options=fast(), **more)


async def goes_on_in_memory(server: Server, store: Store, kind: str) -> None:
    """A client whose store fails says so, and sends and is told all the same."""
    async with client(server, store) as ann:
        events = ann.events()
        command = ann.submit(CreateMsg("precious", to="bob"))
        error = await take_failure(events, StorageError)
        assert error.kind == kind
        (kept,) = ann.outbox.entries()
        assert not kept.durable
        peer = await server.greeted()
        await peer.store(1)
        await command


async def test_a_file_that_is_no_database_is_left_as_it_is(server: Server, tmp_path: Path) -> None:
    """Whatever it is, somebody may want it."""
    path = tmp_path / "client.db"
    path.write_bytes(b"a letter to a friend, and not a database at all\n" * 100)
    before = path.read_bytes()
    await goes_on_in_memory(server, SqliteStore(path), "corrupt")
    assert path.read_bytes() == before


async def test_a_database_with_a_broken_page_is_told(server: Server, tmp_path: Path) -> None:
    """A disk that lies, a copy that was cut off."""
    path = tmp_path / "client.db"
    store = SqliteStore(path)
    await store.open(server.url, "ann")
    for number in range(200):
        await store.put(entry(number))
    await store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    path.write_bytes(content)
    await goes_on_in_memory(server, SqliteStore(path), "corrupt")


async def test_a_folder_that_is_not_there_is_told(server: Server, tmp_path: Path) -> None:
    """As one that may not be written."""
    await goes_on_in_memory(server, SqliteStore(tmp_path / "nowhere" / "client.db"), "denied")
    await goes_on_in_memory(server, SqliteStore(tmp_path), "denied")


async def test_a_file_of_a_later_release_is_left_as_it_is(server: Server, tmp_path: Path) -> None:
    """That release can read it."""
    path = tmp_path / "client.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE later (x)")
        database.execute("PRAGMA user_version = 99")
    database.close()
    await goes_on_in_memory(server, SqliteStore(path), "newer")
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (99,)
    database.close()


async def test_a_command_of_a_later_release_is_kept_for_it(server: Server, tmp_path: Path) -> None:
    """What this release cannot read stays in the file, and the rest is sent."""
    path = tmp_path / "client.db"
    store = SqliteStore(path)
    await store.open(server.url, "ann")
    await store.put(entry(1))
    await store.put(entry(2))
    await store.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entries SET op = 4000 WHERE key = 'k1'")
    database.close()
    async with client(server, SqliteStore(path)) as ann:
        error = await take_failure(ann.events(), StorageError)
        assert error.kind == "newer"
        peer = await server.greeted()
        assert (await peer.store(1))["d"]["text"] == "text 2"
        await until(lambda: ann.outbox.entries() == [])
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT key FROM entries").fetchall() == [("k1",)]
    database.close()


async def test_a_file_that_another_client_has_is_locked(server: Server, tmp_path: Path) -> None:
    """Two would send the same commands, and pass over what the other has handled."""
    path = tmp_path / "client.db"
    first = SqliteStore(path)
    await first.open(server.url, "ann")
    await goes_on_in_memory(server, SqliteStore(path), "locked")
    await first.put(entry(1))
    await first.close()
    again = SqliteStore(path)
    assert len((await again.open(server.url, "ann")).entries) == 1
    await again.close()


async def test_a_full_disk_is_told_and_what_was_not_kept_is_kept_later(
    server: Server, tmp_path: Path
) -> None:
    """The entry says that it is not durable; when there is room again all are stored."""
    store = SqliteStore(tmp_path / "client.db")
    async with client(server, store) as ann:
        events = ann.events()
        connection = store._connection
        assert connection is not None
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        await store._run(lambda: connection.execute(f"PRAGMA max_page_count = {pages}"))
        commands = [ann.submit(CreateMsg("y" * 3000, to=f"p{n}")) for n in range(20)]
        error = await take_failure(events, StorageError)
        assert error.kind == "full"
        assert not all(one.durable for one in ann.outbox.entries())
        await store._run(lambda: connection.execute("PRAGMA max_page_count = 100000"))
        commands.append(ann.submit(CreateMsg("z", to="q")))
        await until(lambda: all(one.durable for one in ann.outbox.entries()))
        kept = ann.outbox.entries()
    again = SqliteStore(tmp_path / "client.db")
    stored = await again.open(server.url, None)
    assert [one.key for one in stored.entries] == [one.key for one in kept]
    await again.close()


class Broken(MemoryStore):
    """A store of somebody's own, with a defect."""

    async def put(self, _entry: Entry) -> None:
        raise ZeroDivisionError("a defect")

    async def save_cursor(self, _cursor: str) -> None:
        raise ZeroDivisionError("a defect")

    async def close(self) -> None:
        raise ZeroDivisionError("a defect")


async def test_what_one_user_wrote_is_not_sent_for_another(server: Server, tmp_path: Path) -> None:
    """By the same store, with another token: refused, until the other one is asked for by name."""
    path = tmp_path / "client.db"
    async with client(server, SqliteStore(path)) as ann:
        ann.submit(CreateMsg("of ann", to="carol"))
        peer = await server.greeted()
        await peer.expect(Op.CREATE_MSG)
        await ann.wait_for("live")
    async with client(server, SqliteStore(path)) as stranger:
        peer = await server.accept()
        await peer.hello(user="bob")
        error = await take_failure(stranger.events(), WrongUserError)
        assert (error.expected, error.found) == ("ann", "bob")
        await stranger.wait_for("refused")
        assert await peer.closed() is not None
    async with client(server, SqliteStore(path), user="bob") as bob:
        peer = await server.accept()
        assert peer.resumes_from is None
        await peer.hello(user="bob")
        await bob.wait_for("live")
        assert bob.outbox.entries() == []
        own = bob.submit(CreateMsg("of bob", to="carol"))
        assert (await peer.store(1))["d"]["text"] == "of bob"
        await own
    async with client(server, SqliteStore(path), user="ann"):
        peer = await server.greeted()
        assert (await peer.store(1))["d"]["text"] == "of ann"


async def test_whatever_a_store_raises_is_told_as_its_failure(server: Server) -> None:
    """And once, not for each command."""
    await goes_on_in_memory(server, Broken(), "failed")


async def test_the_store_holds_a_command_before_it_is_sent(server: Server, tmp_path: Path) -> None:
    """As sent, so that a later process does not take it for one that may be cancelled."""
    path = tmp_path / "client.db"
    ann = client(server, SqliteStore(path))
    await ann.connect()
    command = ann.submit(CreateMsg("precious", to="bob"))
    peer = await server.greeted()
    await peer.expect(7)
    # As it would be found after a crash.
    copy = tmp_path / "copy.db"
    for suffix in ("", "-wal"):
        (tmp_path / f"copy.db{suffix}").write_bytes((tmp_path / f"client.db{suffix}").read_bytes())
    found = SqliteStore(copy)
    (kept,) = (await found.open(server.url, None)).entries
    assert (kept.key, kept.state) == (command.key, EntryState.SENT)
    await found.close()
    await ann.close()


_PROGRAM = textwrap.dedent(
    """
    import asyncio, sys
    from parley_client import Client, SqliteStore
    from parley_protocol.payloads.messaging import CreateMsg

    async def main():
        async with Client(sys.argv[1], token="t", store=SqliteStore(sys.argv[2])) as ann:
            ann.submit(CreateMsg(f"of {sys.argv[3]}", to="bob"))
            while not all(entry.durable for entry in ann.outbox.entries()):
                await asyncio.sleep(0.01)
            print("stored", flush=True)
            await asyncio.Event().wait()

    asyncio.run(main())
    """
)


async def test_a_killed_process_leaves_all_for_the_next(server: Server, tmp_path: Path) -> None:
    """Killed with SIGKILL, again and again: the next one has what all of them wrote, in order."""
    path = tmp_path / "client.db"
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    nobody = "ws://127.0.0.1:1/ws"
    for name in ("first", "second", "third"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, program, nobody, path, name),
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"stored\n"
        process.kill()
        await process.wait()
    async with Client(
        server.url, token="t", store=SqliteStore(path), options=fast(), server=nobody
    ) as ann:
        peer = await server.greeted()
        for seq, name in enumerate(("first", "second", "third"), 1):
            assert (await peer.store(seq))["d"]["text"] == f"of {name}"
        await eventually(ann.outbox.entries, lambda entries: entries == [])
