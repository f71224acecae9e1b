"""The command: which scenarios, by which library, for how long; and what is said of it."""

import argparse
import asyncio
import secrets
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from conformance.adapter import AdapterError, Library, introduce
from conformance.run import Result, Run
from conformance.scenario import Scenario, ScenarioError, read_scenarios
from conformance.table import write_table
from conformance.walk import find_walk, walks
from conformance.world import World, running

_ADAPTERS = Path(__file__).resolve().parent / "adapters"
ADAPTERS = {
    "python": shlex.join([sys.executable, "-m", "conformance.adapters.python"]),
    "typescript": shlex.join(
        [str(Path(sys.prefix) / "bin" / "node"), str(_ADAPTERS / "typescript.ts")]
    ),
}
"""The adapters that come with the kit, by their names."""

_TRANSCRIPTS = Path(".data") / "conformance"
_SHOWN = 20
PASSED, FAILED, UNUSABLE = 0, 1, 2
"""Exit codes."""


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description=(
            "Runs a client library through scenarios, against the real services and an edge, "
            "behind a proxy that cuts, delays and duplicates. docs/conformance.md says how a "
            "library is made to take part. Exit code 1: something was broken, and the transcripts "
            "are kept; 2: it could not be run."
        ),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--adapter",
        action="append",
        help=f"a command, or one of {', '.join(ADAPTERS)}; may be given several times "
        "(default: all of these)",
    )
    parser.add_argument(
        "--only",
        action="append",
        help="a scenario, or a walk by its name; may be given several times",
    )
    parser.add_argument(
        "--scenarios", action="append", type=Path, help="a file of scenarios instead of the kit's"
    )
    parser.add_argument(
        "--seconds", type=float, default=60, help="for how long to walk at random after that"
    )
    parser.add_argument("--seed", type=int, help="of the random walks (default: a new one)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--list", action="store_true", help="list the scenarios and end")
    parser.add_argument(
        "--write-table", action="store_true", help="write the table of docs/conformance.md"
    )
    parsed = parser.parse_args(given)
    if parsed.write_table and (parsed.only or parsed.scenarios):
        parser.error("--write-table is for a run of all scenarios of the kit")
    if parsed.seconds < 0:
        parser.error("--seconds is 0 or more")
    return parsed


def main(given: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit code."""
    arguments = _arguments(given)
    try:
        scenarios = _chosen(arguments)
    except ScenarioError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return UNUSABLE
    if arguments.list:
        for one in scenarios:
            print(f"{one.name:<28} {one.title}")
        return PASSED
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    results: dict[str, list[Result]] = {}
    try:
        for adapter in arguments.adapter or ADAPTERS:
            command = ADAPTERS.get(adapter, adapter)
            library = asyncio.run(introduce(command))
            print(f"{library.name} {library.version}:", flush=True)
            results[library.name] = _run_all(arguments, library, scenarios, seed)
    except AdapterError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return UNUSABLE
    failed = [one for each in results.values() for one in each if one.status == "failed"]
    if arguments.write_table:
        write_table(scenarios, results)
    print(f"{len(failed)} failed (seed {seed})")
    return FAILED if failed else PASSED


def _chosen(arguments: argparse.Namespace) -> list[Scenario]:
    scenarios = read_scenarios(arguments.scenarios or ())
    if not arguments.only:
        return scenarios
    known = {one.name: one for one in scenarios}
    chosen = [known.get(name) or find_walk(name) for name in arguments.only]
    found = [one for one in chosen if one is not None]
    unknown = [name for name, one in zip(arguments.only, chosen, strict=True) if one is None]
    if unknown:
        raise ScenarioError(f"there is no scenario {', '.join(unknown)}; --list names them")
    return found


def _run_all(
    arguments: argparse.Namespace, library: Library, scenarios: Sequence[Scenario], seed: int
) -> list[Result]:
    results = []
    with ExitStack() as stack:
        world = stack.enter_context(started(arguments.database))
        for one in scenarios:
            if one.own_system:
                with started(arguments.database) as own:
                    results.append(_run(one, library, own))
            else:
                results.append(_run(one, library, world))
        deadline = time.monotonic() + arguments.seconds
        for one in walks(seed):
            if time.monotonic() > deadline:
                break
            results.append(_run(one, library, world))
    return results


@contextmanager
def started(database: str) -> Iterator[World]:
    """A system in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="parley-conformance-"))
    try:
        with running(folder, database) as world:
            yield world
    finally:
        shutil.rmtree(folder)


def _run(scenario: Scenario, library: Library, world: World) -> Result:
    result = run_scenario(scenario, library, world)
    print(f"  {result.status:<13} {scenario.name} ({result.seconds:.1f} s)", flush=True)
    for finding in result.findings[:_SHOWN]:
        print(f"      {finding}", flush=True)
    if result.folder is not None:
        print(f"      what passed and was told is in {result.folder}", flush=True)
    return result


def run_scenario(scenario: Scenario, library: Library, world: World) -> Result:
    """Run one scenario. Its transcripts stay below `.data` of the working folder if it fails."""
    label = time.strftime("%Y%m%d-%H%M%S")
    folder = _TRANSCRIPTS / f"{label}-{scenario.name}-{secrets.token_hex(2)}"
    result = asyncio.run(Run(scenario, library, world, folder.absolute())())
    if result.status != "failed":
        shutil.rmtree(folder, ignore_errors=True)
    return result
