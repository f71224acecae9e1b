"""Following over a failover that loses the last commits, of the followed or of who follows."""

from pathlib import Path

from service_kit.authentication.callers import Caller
from service_kit.service import migrate
from service_kit.storage.writer import StorageUnavailable
from tests.support.callers import write_credential
from tests.support.pair import Pair
from tests.support.serving import quick_settings
from tests.support.tally.following import Following
from tests.support.tally.running import RunningTally, run_tally
from tests.support.tally.service import SERVICE, TallySettings
from tests.support.waiting import eventually


def settings(folder: Path, url: str) -> TallySettings:
    made = TallySettings(
        **quick_settings(folder, url),
        follow_credential_file=write_credential(folder, Caller.BACKEND),
    )
    migrate(SERVICE, made)
    return made


async def applied(following: Following, tally: RunningTally) -> None:
    """Return when all that happened was followed."""

    async def stored() -> object:
        try:
            return await following.stored()
        except StorageUnavailable:
            return None

    await eventually(stored, lambda at: at == tally.resources.hub.position)


async def test_nothing_is_passed_over_whoever_lost_something(pair: Pair, tmp_path: Path) -> None:
    """What is followed gives its revisions a second time: all of the new is applied. Who follows
    has lost what it had applied: it is applied again, once.
    """
    with pair.primary.connect() as connection:
        for name in ("source", "consumer"):
            connection.execute(f"CREATE DATABASE {name}")
    async with (
        run_tally(settings(tmp_path, pair.url("source"))) as lost_source,
        run_tally(settings(tmp_path, f"sqlite:///{tmp_path / 'own.sqlite3'}")) as kept_consumer,
        run_tally(settings(tmp_path, f"sqlite:///{tmp_path / 'source.sqlite3'}")) as kept_source,
        run_tally(settings(tmp_path, pair.url("consumer"))) as lost_consumer,
    ):
        of_lost = Following(kept_consumer.resources, lost_source.target, progress_revisions=1)
        by_lost = Following(lost_consumer.resources, kept_source.target, progress_revisions=1)
        async with of_lost.running(), by_lost.running():
            for amount in (1, 2):
                await lost_source.add("apples", amount)
                await kept_source.add("apples", amount)
            await applied(by_lost, kept_source)
            pair.catch_up()
            pair.part()
            for amount in (4, 8):
                await lost_source.add("apples", amount)
                await kept_source.add("apples", amount)
            await applied(of_lost, lost_source)
            await applied(by_lost, kept_source)
            assert await by_lost.sum() == 15
            epoch = lost_source.resources.hub.position.epoch
            pair.fail_over()
            # As many as were lost, and one more.
            for amount in (16, 32, 64):
                await lost_source.add("apples", amount)
                await kept_source.add("apples", amount)
            await applied(of_lost, lost_source)
            await applied(by_lost, kept_source)
            assert await by_lost.sum() == 127
    came = [of_lost.came.get_nowait() for _ in range(of_lost.came.qsize())]
    told = [
        amount for position, amounts, _ in came if position.epoch != epoch for amount in amounts
    ]
    assert told == [1, 2, 16, 32, 64]
