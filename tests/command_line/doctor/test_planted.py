"""Misconfigurations, planted one at a time in what is sound: each is named, with its cure."""

import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from command_line.doctor.findings import Finding
from command_line.doctor.kinds import Kind
from tests.command_line.doctor.conftest import Plant, World


def change_database(world: World, service: str, *statements: str) -> None:
    with closing(sqlite3.connect(world.folder / f"{service}.sqlite3")) as database, database:
        for statement in statements:
            database.execute(statement)


def check_cure(finding: Finding) -> None:
    """A cure is at least one command that a shell can read, or says why there is none."""
    assert finding.cure
    for command in finding.cure:
        assert command.startswith("# ") or shlex.split(command, comments=True), command


async def test_nothing_is_found_in_what_is_sound(world: World) -> None:
    """No warning either, or nobody would look at warnings."""
    assert await world.look() == []


async def test_a_newer_program_may_have_added_to_a_database(world: World) -> None:
    """It says so there, and this program goes on."""
    change_database(world, "messaging", "UPDATE alembic_version SET version_num = '9999'")
    assert await world.look() == []


async def test_parts_in_containers_may_listen_on_the_same_port(world: World) -> None:
    """All addresses are those of a container, of which each part has one."""
    for part in ("messaging", "negotiation", "edge"):
        world.set(part, "METRICS_HOST", "0.0.0.0")  # noqa: S104
        world.set(part, "METRICS_PORT", 9090)
    world.write()
    assert await world.look() == []


# --- Those whose cure is carried out -------------------------------------------------------------


def slip_of_the_pen(world: World) -> None:
    world.set("edge", "PROT", 8081)


def not_a_number(world: World) -> None:
    world.set("edge", "PORT", "eighty")


def two_sources_of_keys(world: World) -> None:
    world.set("edge", "TOKEN_JWKS_URL", "http://127.0.0.1:1/jwks.json")


def same_port(world: World) -> None:
    world.set("negotiation", "LISTEN", f"127.0.0.1:{world.ports['messaging']}")


def same_metrics(world: World) -> None:
    world.set("messaging", "METRICS_PORT", world.ports["edge"])


def batches_too_large(world: World) -> None:
    world.set("messaging", "MAX_BATCH", 500)


def progress_too_slow(world: World) -> None:
    world.set("messaging", "WATCH_PROGRESS_SECONDS", 4)


def asked_for_too_long(world: World) -> None:
    world.set("negotiation", "MESSAGING_TIMEOUT_SECONDS", 3)


def pongs_before_pings(world: World) -> None:
    world.set("edge", "PONG_TIMEOUT_SECONDS", 5)


def one_reader_has_all(world: World) -> None:
    world.set("edge", "BYTES_PER_USER", 1024 * 1024)


def not_told_of_moderation(world: World) -> None:
    del world.variables["PARLEY_EDGE_MODERATION_TARGET"]


def origin_with_a_slash(world: World) -> None:
    world.set("edge", "ALLOWED_ORIGINS", "https://app.example.com/,https://other.example.com")


def half_of_a_pair(world: World) -> None:
    world.set("negotiation", "MIN_PRICE_MINOR", 10**13)


def secret_for_all(world: World) -> None:
    Path(world.path("token.key")).chmod(0o644)


def digests_for_all_to_write(world: World) -> None:
    Path(world.path("accepted")).chmod(0o666)


def folder_for_all(world: World) -> None:
    world.folder.chmod(0o777)


def database_for_all(world: World) -> None:
    Path(world.path("messaging.sqlite3")).chmod(0o664)


def other_credential(world: World) -> None:
    """Of the edge, whose digest is nowhere."""
    world.private("edge.key", "e" * 40)


def short_secret(world: World) -> None:
    world.private("token.key", "too short")


def algorithm_of_another_key(world: World) -> None:
    for part in ("edge", "desk", "moderation"):
        world.set(part, "TOKEN_ALGORITHMS", "RS256")


def other_secret_at_the_desk(world: World) -> None:
    world.private("other.key", "y" * 48)
    world.set("desk", "TOKEN_SECRET_FILE", world.path("other.key"))


def no_database(world: World) -> None:
    Path(world.path("negotiation.sqlite3")).unlink()


def empty_database(world: World) -> None:
    world.private("negotiation.sqlite3", "")


CURED: dict[Plant, Kind] = {
    slip_of_the_pen: Kind.VARIABLE_UNKNOWN,
    not_a_number: Kind.SETTING_UNUSABLE,
    two_sources_of_keys: Kind.TOKEN_KEYS_UNUSABLE,
    same_port: Kind.LISTENING_TWICE,
    same_metrics: Kind.LISTENING_TWICE,
    batches_too_large: Kind.SETTINGS_CONTRADICT,
    progress_too_slow: Kind.SETTINGS_DISAGREE,
    asked_for_too_long: Kind.SETTINGS_DISAGREE,
    pongs_before_pings: Kind.SETTINGS_CONTRADICT,
    one_reader_has_all: Kind.SETTINGS_DISAGREE,
    not_told_of_moderation: Kind.TARGET_MISSING,
    origin_with_a_slash: Kind.ORIGIN_UNUSABLE,
    half_of_a_pair: Kind.SETTINGS_CONTRADICT,
    secret_for_all: Kind.SECRET_OPEN,
    digests_for_all_to_write: Kind.SECRET_OPEN,
    folder_for_all: Kind.FOLDER_OPEN,
    database_for_all: Kind.DATABASE_OPEN,
    other_credential: Kind.CREDENTIAL_NOT_ACCEPTED,
    algorithm_of_another_key: Kind.TOKEN_KEYS_UNUSABLE,
    other_secret_at_the_desk: Kind.TOKEN_KEYS_DIFFER,
    short_secret: Kind.TOKEN_KEYS_UNUSABLE,
    no_database: Kind.DATABASE_MISSING,
    empty_database: Kind.NOT_MIGRATED,
}


@pytest.mark.parametrize("plant", CURED, ids=lambda plant: plant.__name__)
async def test_what_is_planted_is_found_alone_and_its_cure_cures(
    world: World, plant: Plant
) -> None:
    """The commands are carried out as they are printed, and then nothing is found."""
    plant(world)
    world.write()
    found = await world.look()
    assert {finding.kind for finding in found} == {CURED[plant]}, found
    for finding in found:
        check_cure(finding)
        for command in finding.cure:
            world.run(command)
    assert await world.look() == []


# --- Those that somebody has to mend -------------------------------------------------------------


def no_credential(world: World) -> None:
    Path(world.path("desk.key")).unlink()


def credential_too_short(world: World) -> None:
    world.private("desk.key", "correct-horse\n")


def digest_alone(world: World) -> None:
    world.private("accepted", "0" * 64 + "\n")


def of_another_caller(world: World) -> None:
    """The desk shows what is accepted as the operator's."""
    shutil.copy(world.path("operator.key"), world.path("desk.key"))


def migration_behind(world: World) -> None:
    change_database(world, "messaging", "UPDATE alembic_version SET version_num = '0001'")


def migration_ahead(world: World) -> None:
    change_database(
        world,
        "messaging",
        "UPDATE alembic_version SET version_num = '9999'",
        # It does not say that this program may serve it as well.
        "UPDATE served_by SET migration = '9999'",
    )


def migration_half(world: World) -> None:
    change_database(world, "messaging", "DELETE FROM alembic_version")


def two_clocks(world: World) -> None:
    change_database(world, "messaging", "INSERT INTO clock SELECT * FROM clock")


def clock_behind(world: World) -> None:
    change_database(
        world,
        "messaging",
        "INSERT INTO presence (user_id, online, last_seen, invisible, revision, version)"
        " VALUES ('ann', 0, 1, 0, 12, 1)",
    )


def followed_too_far(world: World) -> None:
    with closing(sqlite3.connect(world.folder / "moderation.sqlite3")) as database:
        ((epoch,),) = database.execute("SELECT epoch FROM clock").fetchall()
    change_database(
        world,
        "messaging",
        f"INSERT INTO positions VALUES ('moderation', '{epoch}', 99)",  # noqa: S608
    )


def damaged(world: World) -> None:
    file = world.folder / "moderation.sqlite3"
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(size // 2)
        opened.write(b"x" * (size // 4))


def one_database(world: World) -> None:
    world.variables["PARLEY_NEGOTIATION_DATABASE_URL"] = world.variables[
        "PARLEY_MESSAGING_DATABASE_URL"
    ]


def other_kind_of_database(world: World) -> None:
    world.set("messaging", "DATABASE_URL", "mysql://parley@127.0.0.1/parley")


NAMED: dict[Plant, set[Kind]] = {
    no_credential: {Kind.FILE_UNREADABLE},
    credential_too_short: {Kind.CREDENTIAL_UNUSABLE},
    digest_alone: {Kind.ACCEPTED_UNUSABLE},
    of_another_caller: {Kind.CREDENTIAL_NOT_ACCEPTED},
    migration_behind: {Kind.MIGRATIONS_BEHIND},
    migration_ahead: {Kind.MIGRATIONS_AHEAD},
    migration_half: {Kind.MIGRATIONS_HALF},
    two_clocks: {Kind.CLOCK_ROW_BROKEN},
    clock_behind: {Kind.CLOCK_BEHIND_ROWS},
    followed_too_far: {Kind.POSITION_AHEAD},
    damaged: {Kind.SQLITE_DAMAGED},
    one_database: {Kind.DATABASE_SHARED, Kind.MIGRATIONS_AHEAD},
    other_kind_of_database: {Kind.SETTING_UNUSABLE},
}


@pytest.mark.parametrize("plant", NAMED, ids=lambda plant: plant.__name__)
async def test_what_is_planted_is_found_with_a_cure(world: World, plant: Plant) -> None:
    """Nothing else is found, and the cure is one that a shell can read."""
    plant(world)
    world.write()
    found = await world.look()
    assert {finding.kind for finding in found} == NAMED[plant], found
    for finding in found:
        check_cure(finding)
