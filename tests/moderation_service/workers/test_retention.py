"""Retention: what people were told long ago is forgotten, and services that follow lose nothing."""

import time
from typing import Any

from parley.moderation.v1 import moderation_pb2 as pb
from sqlalchemy import Engine, text

from service_kit.retention import DAY
from tests.moderation_service.conftest import Client, measure, muted
from tests.support.metrics import read_sample
from tests.support.serving import Serve
from tests.support.system import free_port
from tests.support.waiting import eventually


def run(engine: Engine, statement: str, **given: Any) -> list[Any]:
    """Run a statement past the service; gives its rows."""
    with engine.begin() as connection:
        found = connection.execute(text(statement), given)
        return [*found] if found.returns_rows else []


async def everything(client: Client, after: pb.Position, until: pb.Position) -> dict[str, bool]:
    """What a service that follows learns: who may write, by user or conversation; the last word."""
    page = await client.call("ListChanges", after=after, until=until, everything=True)
    assert page.complete
    found: dict[str, bool] = {}
    for event in (one for change in page.changes for one in change.events):
        if event.HasField("standing_changed"):
            standing = event.standing_changed.standing
            found[standing.user] = not (standing.banned or standing.HasField("muted_until_time"))
        if event.HasField("conversation_lock_changed"):
            lock = event.conversation_lock_changed
            found[lock.conversation_id] = not lock.locked
    return found


async def sanction(client: Client, *measures: pb.Measure, **fields: Any) -> Any:
    """Decide a new case; gives its last sanction."""
    await client.report(**fields)
    (case,) = await client.cases()
    return (await client.decide(case.id, *measures)).decisions[0].sanctions[-1]


async def test_what_was_told_long_ago_is_forgotten_but_for_the_last_word_of_each_restriction(
    serve: Serve, engine: Engine
) -> None:
    """A resume of a person from before is not complete, and one from after it is. A service that
    begins anew, or was away for so long, learns what is restricted and what no longer is.
    """
    async with serve() as client:
        start = (await client.watch()).first.position
        lifted = await sanction(client, muted("bob"))
        measures = measure("BANNED", "eve"), measure("CONVERSATION_LOCKED", "")
        locked = await sanction(client, *measures, author="eve")
        between = (await client.watch()).first.position
        await client.moderate("LiftSanction", sanction_id=lifted.id, reason="enough")
        await client.call("EndSessions", user="eve")
        now = (await client.watch()).first.position
        whole = await everything(client, start, now)
        late = await everything(client, between, now)
    place = locked.conversation_id
    assert whole == {"bob": True, "eve": False, place: False}
    assert late == {"bob": True, "eve": False}
    # Two words were said about bob and eve each, and those of sessions are for nobody who follows.
    last = run(engine, "SELECT first_id, about_id FROM news WHERE forgettable_at IS NULL")
    assert sorted((one.first_id or "", one.about_id) for one in last) == [
        ("", place),
        ("bob", ""),
        ("eve", ""),
    ]
    old = time.time_ns() // 1_000_000 - 3 * DAY
    run(engine, "UPDATE news SET forgettable_at = :old WHERE forgettable_at > 0", old=old)
    port = free_port()
    async with serve(changes_days=2, metrics_port=port) as client:
        await eventually(
            lambda: read_sample(port, "rows_forgotten_total", table="news"), lambda count: count > 0
        )
        await eventually(lambda: _count(engine), lambda count: count == len(last))
        now = (await client.watch()).first.position
        assert await everything(client, start, now) == whole
        assert await everything(client, between, now) == {"bob": True}
        for user in ("ann", "bob"):
            assert not (await client.changes(user, between, now.revision)).complete
            assert (await client.changes(user, now, now.revision)).complete
        users = await client.call("ListChangedUsers", users=["ann"], after=between, until=now)
        assert not users.complete


async def _count(engine: Engine) -> int:
    ((count,),) = run(engine, "SELECT count(*) FROM news")
    return int(count)
