"""Following another service over real gRPC: everything takes effect once, whatever breaks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import grpc
import pytest

from service_kit.leases.leases import LeaseLeft
from service_kit.rpc.servicer import accepted
from service_kit.rules import Position
from service_kit.storage.clock import take_position
from service_kit.storage.writer import StorageUnavailable, Transaction
from service_kit.watch.watcher import WATCHER_TOO_SLOW
from tests.support.callers import as_caller
from tests.support.serving import opened
from tests.support.system import free_port
from tests.support.tally import service
from tests.support.tally.following import Following, Scripted, TallyResources
from tests.support.tally.running import RunningTally, run_tally
from tests.support.waiting import PATIENCE, eventually, until

NewSettings = Callable[[], service.TallySettings]


@pytest.fixture
async def own(new_settings: NewSettings) -> AsyncIterator[TallyResources]:
    async with run_tally(new_settings()) as started:
        yield started.resources


@pytest.fixture
def following(own: TallyResources, tally: RunningTally) -> Following:
    """A follower of `tally`, which stores a mere position at once."""
    return Following(own, tally.target, progress_revisions=1)


async def test_what_was_and_what_comes_is_applied_in_order(
    following: Following, tally: RunningTally
) -> None:
    """From the beginning of the clock, revision by revision, and then as it happens."""
    await tally.add("apples", 1)
    await tally.add("pears", 2)
    async with following.running():
        assert [await following.next() for _ in range(3)] == [
            (0, [], True),
            (1, [1], True),
            (2, [2], True),
        ]
        await following.live()
        await tally.add("apples", 4)
        assert await following.next() == (3, [4], True)
        assert await following.sum() == 5
        assert await following.stored() == tally.resources.hub.position
        assert (following.measured("revision"), following.measured("lag_revisions")) == (3, 0)
    assert following.measured("live") == 0


async def test_what_concerns_nobody_here_is_not_stored(
    own: TallyResources, tally: RunningTally
) -> None:
    """A revision without anything that concerns the follower is no transaction of its own."""
    following = Following(own, tally.target, concerns=lambda one: one.added.name == "apples")
    async with following.running():
        assert await following.next() == (0, [], True)
        await following.live()
        await tally.add("pears", 2)
        await tally.add("apples", 4)
        assert await following.next() == (2, [4], True)
        await tally.add("pears", 8)
        await until(lambda: following.measured("revision") == 3)
        assert await following.stored() == tally.resources.hub.position._replace(revision=2)
    again = Following(own, tally.target, concerns=lambda one: one.added.name == "pears")
    async with again.running():
        assert await again.next() == (3, [8], True)


async def test_it_goes_on_from_where_it_was(following: Following, tally: RunningTally) -> None:
    """Changes made while it did not run are read, page by page, and none again."""
    async with following.running():
        await tally.add("apples", 1)
        await until(lambda: following.came.qsize() == 2)
    tally.resources.settings.__dict__["changes_page"] = 2
    for amount in (2, 3, 4, 5, 6):
        await tally.add("apples", amount)
    again = Following(following.own, tally.target)
    async with again.running():
        assert [await again.next() for _ in range(5)] == [
            (revision, [revision], True) for revision in (2, 3, 4, 5, 6)
        ]
    assert await again.sum() == 21


async def test_a_crash_before_the_commit_leaves_nothing(
    following: Following, tally: RunningTally
) -> None:
    """Effect and position are stored together or not at all, and then it is applied again."""
    failures = ["the only one"]

    def crashing(transaction: Transaction, commands: Sequence[service.Followed]) -> list[bool]:
        outcomes = service.follow(transaction, commands)
        if commands[0].found and failures:
            failures.clear()
            raise StorageUnavailable("lost after the effect, before the commit")
        return outcomes

    seen: list[tuple[int, Position | None]] = []

    async def look(_position: Position) -> None:
        seen.append((await following.sum(), await following.stored()))

    following.operation = crashing
    following.before = look
    await tally.add("apples", 7)
    async with following.running():
        assert await following.next() == (0, [], True)
        assert await following.next() == (1, [7], True)
    beginning = Position(tally.resources.hub.position.epoch, 0)
    assert seen == [(0, None), (0, beginning), (0, beginning)]
    assert await following.sum() == 7


async def test_a_crash_after_the_commit_repeats_nothing(
    following: Following, tally: RunningTally
) -> None:
    """A stored change is not applied again, although its commit was never confirmed."""
    failures = iter([True])

    async def crash(position: Position) -> None:
        if position.revision == 1 and next(failures, False):
            raise StorageUnavailable("lost after the commit")

    following.after = crash
    await tally.add("apples", 7)
    async with following.running():
        assert [await following.next() for _ in range(2)] == [(0, [], True), (1, [7], True)]
        await following.live()
        await tally.add("apples", 1)
        assert await following.next() == (2, [1], True)
    assert await following.sum() == 8


async def test_two_at_once_apply_everything_once(own: TallyResources, tally: RunningTally) -> None:
    """Replicas of a service follow each for itself, into one database."""
    followers = [Following(own, tally.target, progress_revisions=1_000) for _ in range(2)]
    async with followers[0].running(), followers[1].running():
        for following in followers:
            await following.live()
        for _ in range(5):
            await asyncio.gather(*(tally.add("apples", 1) for _ in range(10)))
        last = tally.resources.hub.position.revision
        came = [[await following.next()] for following in followers]
        for following, found in zip(followers, came, strict=True):
            while found[-1][0] < last:
                found.append(await following.next())
    assert await followers[0].sum() == 50
    # The beginning of the epoch, without events, comes only to one who looks before the other's.
    told = [[one for one in found if one[0] > 0] for found in came]
    for (revision, _, one), (again, _, other) in zip(*told, strict=True):
        assert revision == again
        assert one != other


async def test_what_is_delivered_twice_takes_effect_once(following: Following) -> None:
    """An operation that comes again with the same or an earlier position does nothing."""
    writer = following.own.writer
    plan = [(0, []), (5, [2]), (5, [2]), (4, [1]), (0, []), (6, [3])]
    outcomes = [
        accepted(
            *await writer.submit(
                service.follow,
                [
                    service.Followed(
                        Position("e", revision), [service.Added("apples", one) for one in amounts]
                    )
                ],
            )
        )
        for revision, amounts in plan
    ]
    assert outcomes == [True, True, False, False, False, True]
    assert await following.sum() == 5


async def test_a_hole_in_the_revisions_is_read(following: Following, tally: RunningTally) -> None:
    """Another process writes to the source: the stream ends, and nothing is missed."""
    async with following.running():
        assert await following.next() == (0, [], True)
        await following.live()
        url = tally.resources.settings.database_url
        with opened(url) as engine, engine.begin() as connection:
            transaction = Transaction(connection, take_position(connection).revision, 0)
            service.add(transaction, [service.Add("apples", 3)])
        await tally.add("apples", 4)
        assert [await following.next() for _ in range(2)] == [(1, [3], True), (2, [4], True)]
    assert await following.sum() == 7


async def test_another_epoch_is_applied_from_its_beginning(
    own: TallyResources, new_settings: NewSettings
) -> None:
    """A source with another database is followed from the beginning of that, not from before."""
    port = free_port()
    following = Following(own, f"127.0.0.1:{port}")
    fixed = {"listen": f"127.0.0.1:{port}"}
    async with following.running():
        async with run_tally(new_settings().model_copy(update=fixed)) as first:
            await first.add("apples", 1)
            await first.add("apples", 2)
            came = [await following.next() for _ in range(3)]
            assert came == [(0, [], True), (1, [1], True), (2, [2], True)]
        async with run_tally(new_settings().model_copy(update=fixed)) as second:
            await second.add("apples", 4)
            assert [await following.next() for _ in range(2)] == [(0, [], True), (1, [4], True)]
            assert await following.stored() == second.resources.hub.position


async def test_a_source_that_is_away_is_waited_for(
    own: TallyResources, new_settings: NewSettings
) -> None:
    """Before it was ever there, and after it has gone; what happened meanwhile is applied."""
    port = free_port()
    following = Following(own, f"127.0.0.1:{port}")
    settings = new_settings().model_copy(update={"listen": f"127.0.0.1:{port}"})
    async with following.running():
        async with run_tally(settings) as source:
            await following.live()
            await source.add("apples", 1)
            assert [await following.next() for _ in range(2)] == [(0, [], True), (1, [1], True)]
        await until(lambda: following.measured("live") == 0)
        # On another port, so that it is not followed.
        async with run_tally(settings.model_copy(update={"listen": "127.0.0.1:0"})) as source:
            await source.add("apples", 2)
        async with run_tally(settings) as source:
            await source.add("apples", 4)
            assert [await following.next() for _ in range(2)] == [(2, [2], True), (3, [4], True)]
    assert await following.sum() == 7


async def test_a_source_that_is_away_for_long_is_left_to_another_process(
    own: TallyResources,
) -> None:
    """It may be this one alone that does not reach it; one that is alone never gives up."""
    nowhere = f"127.0.0.1:{free_port()}"
    following = Following(own, nowhere, patience_seconds=0.3, call_timeout_seconds=0.5)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(LeaseLeft):
            await following.follower.run()


async def test_one_that_applies_slowly_is_cut_off_and_misses_nothing(
    own: TallyResources, new_settings: NewSettings
) -> None:
    """The source does not wait for it: it drops the stream, and what it dropped is read."""
    settings = new_settings().model_copy(update={"watch_queue_events": 1})
    async with run_tally(settings) as source:
        following = Following(own, source.target)
        may_go_on = asyncio.Event()

        async def wait(position: Position) -> None:
            if position.revision == 1:
                await may_go_on.wait()

        following.before = wait
        registry, revisions = source.resources.registry, 0

        def add_much(transaction: Transaction, items: Sequence[int]) -> list[None]:
            # A few of these are more than lies on the way between the two.
            service.store(transaction, [service.Added("x" * 100_000, one) for one in items])
            return [None]

        def cut_off() -> bool:
            name = "watch_cut_offs_total"
            return bool(registry.get_sample_value(name, {"reason": WATCHER_TOO_SLOW}))

        async with following.running():
            await following.live()
            while not cut_off() and revisions < 100:
                await source.resources.writer.submit(add_much, [1])
                revisions += 1
            assert cut_off()
            may_go_on.set()
            came = [await following.next() for _ in range(revisions + 1)]
        assert [revision for revision, _, _ in came] == list(range(revisions + 1))
        assert all(first for _, _, first in came)
        assert await following.sum("x" * 100_000) == revisions


# --- A scripted source --------------------------------------------------------------------------


@pytest.fixture
async def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def target(scripted: Scripted) -> AsyncIterator[str]:
    server = grpc.aio.server()
    service.methods.add_TallyServiceServicer_to_server(scripted, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def test_what_comes_again_on_the_stream_is_left_out(
    own: TallyResources, scripted: Scripted, target: str
) -> None:
    """A revision at or below the one that was applied is not applied again, nor stored."""
    following = Following(own, target, progress_revisions=1_000)
    for revision, amount in ((6, 1), (6, 1), (5, 9), (7, 2)):
        scripted.say(revision, amount)
    async with following.running():
        came = [await following.next() for _ in range(3)]
    assert came == [(0, [], True), (6, [1], True), (7, [2], True)]


async def test_a_mere_position_is_stored_when_it_is_due(
    own: TallyResources, scripted: Scripted, target: str
) -> None:
    """Without events an idle follower does not have everything searched again one day."""
    following = Following(own, target, progress_revisions=1)
    for _ in range(3):
        scripted.say(6)
    async with following.running():
        came = [await following.next() for _ in range(3)]
        assert came == [(0, [], True), (5, [], True), (6, [], True)]
        await until(scripted.says.empty)
    assert following.came.empty()


async def test_a_mere_position_is_not_stored_before_it_is_due(
    own: TallyResources, scripted: Scripted, target: str
) -> None:
    """An idle follower does not write; events bring the position with them."""
    following = Following(own, target, progress_revisions=1_000)
    for revision in (6, 7, 8):
        scripted.say(revision)
    scripted.say(9, 1)
    async with following.running():
        assert [await following.next() for _ in range(2)] == [(0, [], True), (9, [1], True)]
    (asked,) = scripted.requests
    assert (asked.everything, asked.after.revision, asked.until.revision) == (True, 0, 5)


async def test_silence_and_an_end_are_a_reason_to_watch_anew(
    own: TallyResources, scripted: Scripted, target: str
) -> None:
    """A stream without a sign of life is given up, and so is one that ends or changes its epoch."""
    following = Following(own, target, silence_seconds=0.2)
    async with following.running():
        await until(lambda: scripted.watches == 2)
        scripted.says.put_nowait(None)
        await until(lambda: scripted.watches == 3)
        scripted.say(6, 1, epoch="another")
        await until(lambda: scripted.watches == 4)
    assert await following.sum() == 0


async def test_a_clock_that_went_back_is_not_followed(
    own: TallyResources,
    scripted: Scripted,
    target: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In the same epoch nobody can tell what is missing: nothing is applied, and it is said."""
    following = Following(own, target)
    position = Position("e", 9)
    begun = [service.Followed(Position("e", 0), []), service.Followed(position, [])]
    await own.writer.submit(service.follow, begun)
    async with following.running():
        await until(lambda: scripted.watches == 3)
    assert following.came.empty()
    assert await following.stored() == position
    assert "at 5, and it was followed to 9" in capfd.readouterr().out


async def test_a_defect_in_applying_is_no_reason_to_go_on(
    following: Following, tally: RunningTally
) -> None:
    """A change that could not be applied is never passed over; `run` raises the defect."""

    async def fail(position: Position) -> None:
        if position.revision == 1:
            raise RuntimeError("a defect")

    following.before = fail
    await tally.add("apples", 1)
    await tally.add("apples", 2)
    with pytest.raises(RuntimeError, match="a defect"):
        async with asyncio.timeout(PATIENCE):
            await following.follower.run()
    assert await following.sum() == 0
    assert await following.stored() == Position(tally.resources.hub.position.epoch, 0)


async def test_a_wrong_credential_is_said_and_not_shown(
    own: TallyResources, tally: RunningTally, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log names the refusal; the credential stays a secret."""
    following = Following(own, tally.target)
    following.follower._present = as_caller("nobody")
    said = ""
    async with following.running(), asyncio.timeout(PATIENCE):
        while "UNAUTHENTICATED" not in said:
            await asyncio.sleep(0)
            said += capfd.readouterr().out
    assert "a-wrong-secret" not in said


async def test_a_database_that_went_back_learns_it_from_who_followed_it(
    following: Following, tally: RunningTally
) -> None:
    """A follower, or an edge, has seen more than there is: that begins an epoch, though nobody
    writes, and the follower goes on in it from the beginning.
    """
    await tally.add("apples", 1)
    async with following.running():
        await following.live()
        epoch = tally.resources.hub.position.epoch
        async with tally.another() as edge:
            seen = service.messages.Position(epoch=epoch, revision=9)
            assert not (await edge.changes("apples", seen, 9)).complete
        await until(lambda: tally.resources.hub.position.epoch != epoch)
        begun = tally.resources.hub.position
        await tally.add("apples", 2)
        await eventually(following.stored, lambda at: at == tally.resources.hub.position)
    assert tally.resources.hub.position == (begun.epoch, begun.revision + 1)


async def test_a_replica_that_is_behind_begins_no_epoch(tally: RunningTally) -> None:
    """What a caller was told of elsewhere is there, though this replica has not heard of it."""
    await tally.add("apples", 1)
    position = tally.resources.hub.position
    tally.resources.writer.learn(position)
    assert (await tally.add("apples", 2)).sum == 3
    assert tally.resources.hub.position == (position.epoch, position.revision + 1)
