"""Every scenario by every library that comes with Parley, and walks at random."""

import secrets
from collections.abc import Callable

import pytest

from conformance.adapter import Library
from conformance.command import ADAPTERS, run_scenario
from conformance.run import Result
from conformance.scenario import Scenario, read_scenarios
from conformance.walk import make_walk
from conformance.world import World

SCENARIOS = read_scenarios()
FindLibrary = Callable[[str], Library]

pytestmark = pytest.mark.timeout(300)


def check(result: Result) -> None:
    """A library passes; what it does not have at all is asked of third parties alone."""
    assert result.status == "passed", "\n".join([*result.findings, f"see {result.folder}"])


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if not one.own_system], ids=lambda one: str(one.name)
)
def test_scenario(
    scenario: Scenario, adapter: str, world: World, find_library: FindLibrary
) -> None:
    """Each library survives each scenario."""
    check(run_scenario(scenario, find_library(ADAPTERS[adapter]), world))


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if one.own_system], ids=lambda one: str(one.name)
)
def test_scenario_with_a_system_of_its_own(
    scenario: Scenario,
    adapter: str,
    own_world: Callable[[], World],
    find_library: FindLibrary,
) -> None:
    """The same, where a database is replaced."""
    check(run_scenario(scenario, find_library(ADAPTERS[adapter]), own_world()))


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("number", [1, 2], ids=["killed", "disturbed"])
def test_walk(adapter: str, number: int, world: World, find_library: FindLibrary) -> None:
    """A walk at random. `python -m conformance --only` takes it again by its name."""
    walk = make_walk(secrets.randbelow(2**32), number)
    print(walk.name)  # noqa: T201 - pytest shows it when the walk fails
    check(run_scenario(walk, find_library(ADAPTERS[adapter]), world))
