"""How rules are tried: examples on one database, and state machines of many steps."""

import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

STEPS = {"parley": 4_000, "nightly": 100_000}

# The database lives through all examples.
on_one_database = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def run_machine(
    machine: Any, steps_at_once: int, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run a machine, which counts its `steps`, until it has taken enough of them."""
    machine.steps = 0
    runs = 0
    while machine.steps < STEPS[profile]:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=100 if profile == "parley" else 1_000,
                stateful_step_count=steps_at_once,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        runs += 1
        assert runs < 100, "the machine hardly takes a step"
    with capsys.disabled():
        sys.stdout.write(f"\n{machine.steps:,} steps of the machine {machine.__name__}\n")
