"""`parley doctor` as it is run: what it looks at, how it tells, its exit codes, and its bounds."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from command_line.__main__ import application
from command_line.doctor import examination
from command_line.doctor.examination import Check, examine
from command_line.doctor.findings import Finding, Findings, in_thread
from command_line.doctor.kinds import Kind, Severity
from command_line.folder.data_folder import DataFolder
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import make_credential
from tests.command_line.doctor.conftest import World
from tests.command_line.served import served


async def doctor(*arguments: str, **environment: str) -> Result:
    """Run the command in a thread, where it has a loop of its own."""

    def run() -> Result:
        return CliRunner().invoke(application, ["doctor", *arguments], env=environment)

    return await asyncio.to_thread(run)


def test_other_commands_start_without_what_the_doctor_looks_with() -> None:
    """Nobody waits for it who does not ask for the doctor."""
    program = (
        "import sys, command_line.__main__;"
        " print(*sys.modules.keys() & {'command_line.doctor.deployment', 'pydantic', 'sqlalchemy'})"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert loaded.stdout.split() == []


def names(result: Result) -> set[str]:
    return {finding["name"] for finding in json.loads(result.stdout)["findings"]}


def contents_of(folder: Path) -> dict[Path, tuple[int, int]]:
    """Each file with its mode and size."""
    return {
        file: (file.stat().st_mode, file.stat().st_size)
        for file in folder.rglob("*")
        if file.is_file()
    }


async def test_a_served_folder_is_sound_until_something_is_planted(tmp_path: Path) -> None:
    """With all parts running: exit code 0, and no finding; then each that only runs can show."""
    async with served(tmp_path / "data") as folder:
        data = ("--data", str(folder.path), "--json")
        result = await doctor(*data)
        assert (result.exit_code, json.loads(result.stdout)["findings"]) == (0, [])
        result = await doctor("--data", str(folder.path))
        assert "all is well" in result.stdout
        result = await doctor("--data", str(folder.path), "--least-free", str(2**40))
        assert "\n           cure: df -h " in result.stdout
        assert "0 errors, 1 warning in" in result.stdout

        # What is expected of the services, against what they really do.
        targets = json.loads(folder.address.read_text())["targets"]
        environment = running(folder, targets)
        assert await planted(tmp_path, environment) == set()
        await check_planted_targets(tmp_path, folder, environment)

        # The disk is the test's own: more room is demanded than there is.
        result = await doctor(*data, "--least-free", str(2**40))
        assert (result.exit_code, names(result)) == (1, {"disk-low"})


def running(folder: DataFolder, targets: dict[str, str]) -> dict[str, str]:
    """The variables of an edge that runs as the one of the folder does."""
    port = folder.read_url().rpartition(":")[2].removesuffix("/ws")
    return {
        "PARLEY_EDGE_PORT": port,
        "PARLEY_EDGE_CREDENTIAL_FILE": str(folder.credential(Caller.EDGE)),
        "PARLEY_EDGE_TOKEN_SECRET_FILE": str(folder.token_secret),
        **{f"PARLEY_EDGE_{name.upper()}_TARGET": target for name, target in targets.items()},
    }


async def planted(folder: Path, environment: dict[str, str]) -> set[str]:
    file = folder / "parley.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    return names(await doctor("--env-file", str(file), "--json"))


async def check_planted_targets(
    scratch: Path, folder: DataFolder, environment: dict[str, str]
) -> None:
    """Targets that are spoilt one at a time, at services that run."""
    other = environment["PARLEY_EDGE_NEGOTIATION_TARGET"]
    wrong = {**environment, "PARLEY_EDGE_MODERATION_TARGET": other}
    assert await planted(scratch, wrong) == {"target-other-service"}
    nobody = {**environment, "PARLEY_EDGE_MODERATION_TARGET": "127.0.0.1:1"}
    assert await planted(scratch, nobody) == {"target-unreachable"}
    nowhere = {**environment, "PARLEY_EDGE_MODERATION_TARGET": "no-such-host.invalid:7103"}
    assert await planted(scratch, nowhere) == {"target-unreachable"}
    one = environment["PARLEY_EDGE_MODERATION_TARGET"]
    one_away = {**environment, "PARLEY_EDGE_MODERATION_TARGET": f"ipv4:{one},127.0.0.1:1"}
    assert await planted(scratch, one_away) == {"target-unreachable"}
    by_name = {**environment, "PARLEY_EDGE_MODERATION_TARGET": f"dns:///{one}"}
    assert await planted(scratch, by_name) == set()
    unknown = scratch / "unknown.key"
    unknown.touch(mode=0o600)
    unknown.write_text(make_credential())
    refused = {**environment, "PARLEY_EDGE_CREDENTIAL_FILE": str(unknown)}
    assert await planted(scratch, refused) == {"target-refuses"}
    desk = str(folder.credential(Caller.DESK))
    another = {**environment, "PARLEY_EDGE_CREDENTIAL_FILE": desk}
    assert await planted(scratch, another) == {"target-other-caller"}
    away = {**environment, "PARLEY_EDGE_PORT": "1"}
    assert await planted(scratch, away) == {"edge-unreachable"}


async def test_nothing_is_changed(world: World) -> None:
    """Neither a file nor its mode, in a folder that nothing serves."""
    before = contents_of(world.folder)
    result = await doctor("--env-file", str(world.file), "--json")
    # Nothing runs, which is no matter of the settings.
    assert names(result) == {"target-unreachable", "edge-unreachable"}
    assert result.exit_code == 2
    assert contents_of(world.folder) == before


async def test_the_environment_or_a_folder_is_looked_at(world: World, tmp_path: Path) -> None:
    """Settings without which a part does not start say that parts are run by them."""
    result = await doctor("--json", **world.variables)
    assert json.loads(result.stdout)["examined"] == "the settings of the environment"
    assert names(result) == {"target-unreachable", "edge-unreachable"}
    assert set(json.loads(result.stdout)["parts"]) == {
        "messaging",
        "negotiation",
        "moderation",
        "edge",
        "desk",
    }
    missing = tmp_path / "missing"
    result = await doctor("--json", "--data", str(missing), PARLEY_EDGE_PROT="8081")
    found = names(result)
    assert found == {"variable-unknown", "data-folder-missing"}
    assert not missing.exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--data", "x", "--env-file", "y"), "two different things"),
        (("--env-file", "/no/such/file"), "cannot read /no/such/file"),
    ],
)
async def test_what_cannot_be_looked_at_is_one_line(arguments: Sequence[str], problem: str) -> None:
    """The exit code is that of wrong arguments."""
    result = await doctor(*arguments)
    assert problem in str(result.exception)
    assert getattr(result.exception, "exit_code", None) == 2


async def test_a_check_that_fails_or_hangs_is_a_finding_and_not_the_end() -> None:
    """The others are carried out, and what was found before is kept."""
    said: list[str] = []

    async def fails() -> Findings:
        async for finding in works():
            yield finding
        raise ZeroDivisionError("planted")

    async def hangs() -> Findings:
        await in_thread(threading.Event().wait, 5)
        async for finding in works():
            yield finding

    async def works() -> Findings:
        nothing: list[Finding] = []
        for finding in nothing:
            yield finding

    checks = [Check("fails", 5, fails), Check("hangs", 0.05, hangs), Check("works", 5, works)]
    outcomes = await examine(checks, said.append)
    kinds = [[finding.kind for finding in outcome.findings] for outcome in outcomes]
    assert kinds == [[Kind.CHECK_FAILED], [Kind.CHECK_TIMED_OUT], []]
    assert "ZeroDivisionError: planted (test_doctor.py:" in outcomes[0].findings[0].seen


async def test_who_waits_is_told_what_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "_SAY_EVERY", 0.01)
    said: list[str] = []
    told = asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        told.set()

    async def waits() -> Findings:
        await told.wait()
        nothing: list[Finding] = []
        for finding in nothing:
            yield finding

    await examine([Check("slow", 60, waits)], say)
    assert "still looking at: slow (at most 60 s)" in said[0]


def test_kinds_have_stable_names() -> None:
    """Names of words with hyphens, each with a meaning of one sentence."""
    for kind in Kind:
        assert str(kind) == kind.name.lower().replace("_", "-")
        assert kind.severity in Severity
        assert kind.meaning
        assert not kind.meaning.endswith(".")


def test_help_names_what_it_looks_at_and_its_exit_codes() -> None:
    result = CliRunner().invoke(application, ["doctor", "--help"], env={"COLUMNS": str(100)})
    assert result.exit_code == 0
    for word in ("--json", "--data", "--env-file", "Exit codes", "parley doctor --data"):
        assert word in result.stdout, os.linesep + result.stdout
