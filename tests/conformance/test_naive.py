"""The kit finds what is wrong with a client that was written in an afternoon."""

import re
from collections.abc import Callable

import pytest

from conformance.adapter import Library
from conformance.command import run_scenario
from conformance.scenario import read_scenarios
from conformance.world import World
from tests.conformance.conftest import NAIVE

SCENARIOS = {one.name: one for one in read_scenarios()}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("answer-lost", "'Stored once' is stored 2 times"),
        ("told-twice", "was told twice"),
        ("inside-a-revision", "TimeoutError|was not told"),
    ],
)
def test_mistakes_are_found(
    name: str, finding: str, world: World, find_library: Callable[[str], Library]
) -> None:
    """Each by the scenario that is about it."""
    result = run_scenario(SCENARIOS[name], find_library(NAIVE), world)
    assert result.status == "failed"
    assert any(re.search(finding, one) for one in result.findings), result.findings
    assert result.folder is not None
    assert "CREATE_MSG" in (result.folder / "ann" / "wire.txt").read_text() or name != "answer-lost"


def test_what_all_is_well_with_passes(world: World, find_library: Callable[[str], Library]) -> None:
    """A client that nothing happens to is a good one."""
    assert run_scenario(SCENARIOS["connect"], find_library(NAIVE), world).status == "passed"


def test_what_it_does_not_have_is_no_failure(
    world: World, find_library: Callable[[str], Library]
) -> None:
    """A library says what it has; what it lacks is not supported."""
    result = run_scenario(SCENARIOS["deal"], find_library(NAIVE), world)
    assert (result.status, result.findings) == ("not supported", ["lacks deals"])
