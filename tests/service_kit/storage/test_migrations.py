"""Versions side by side: which programs may serve a database that a newer one has migrated."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from service_kit.storage.engines import DatabaseInUse
from service_kit.storage.migrations import NotMigrated, check, fitting, upgrade
from service_kit.storage.ownership import owned
from tests.support.serving import opened
from tests.support.tally.service import SERVICE
from tests.support.waiting import PATIENCE

Program = Callable[..., Path]

_MIGRATION = '''
"""A step."""

from alembic import op
import sqlalchemy as sa

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
{expands}


def upgrade():
    op.create_table("step_{revision}", sa.Column("number", sa.BigInteger))
'''


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Makes the migrations of a version of the tally: of each further one whether it only adds."""

    def make(*steps: bool) -> Path:
        directory = tmp_path / f"version {len(steps)}"
        shutil.copytree(SERVICE.migrations, directory)
        for number, expands in enumerate(steps, 2):
            step = _MIGRATION.format(
                revision=f"{number:04}",
                before=f"{number - 1:04}",
                expands=f"expands = {expands}" if expands else "",
            )
            (directory / "versions" / f"v{number:04}_step.py").write_text(step)
        return directory

    return make


def may_serve(engine: Engine, directory: Path) -> bool:
    """Whether a program may serve, as its start says, and on PostgreSQL each new connection too."""
    try:
        check(engine, directory)
    except NotMigrated:
        served = False
    else:
        served = True
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            cursor = connection.connection.cursor()
            assert fitting(directory)(cursor) == served
    return served


def test_a_program_of_before_goes_on_while_nothing_but_additions_came(
    empty_database: str, program: Program
) -> None:
    """Then the release that takes something away ends what was before it, and not what came after
    the addition.
    """
    first, second, third = program(), program(True), program(True, False)
    fourth = program(True, False, True)
    with opened(empty_database, "migrator") as engine:
        upgrade(engine, first)
        assert may_serve(engine, first)
        upgrade(engine, second)
        assert may_serve(engine, first)
        assert may_serve(engine, second)
        # An init container of the version before, which has nothing to do.
        upgrade(engine, first)
        assert may_serve(engine, second)
        upgrade(engine, third)
        assert [may_serve(engine, one) for one in (first, second, third)] == [False, False, True]
        upgrade(engine, fourth)
        served = [may_serve(engine, one) for one in (first, second, third, fourth)]
        assert served == [False, False, True, True]
        with pytest.raises(NotMigrated, match="can not live with"):
            upgrade(engine, first)


def test_steps_that_are_done_at_once_count_one_by_one(
    empty_database: str, program: Program
) -> None:
    first, third, fourth = program(), program(True, False), program(True, False, True)
    with opened(empty_database, "migrator") as engine:
        upgrade(engine, first)
        upgrade(engine, fourth)
        assert [may_serve(engine, one) for one in (first, third, fourth)] == [False, True, True]


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_an_addition_comes_beside_servers(empty_database: str, program: Program) -> None:
    """What takes something away waits until nobody serves."""
    first, second, third = program(), program(True), program(True, False)
    with opened(empty_database, "migrator") as engine, opened(empty_database) as serving:
        upgrade(engine, first)
        with owned(serving, 0, pytest.fail, together=True, fits=fitting(first)):
            upgrade(engine, second)
            with pytest.raises(DatabaseInUse):
                upgrade(engine, third)
            with engine.connect() as connection:
                connection.execute(text("SELECT number FROM step_0002"))
        serving.dispose()
        upgrade(engine, third, PATIENCE)
        assert not may_serve(engine, first)
