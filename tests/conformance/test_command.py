"""The command: what it prints, and its exit codes."""

import shlex
import sys
from pathlib import Path

import pytest

from conformance.command import FAILED, PASSED, UNUSABLE, main
from conformance.scenario import read_scenarios
from tests.conformance.conftest import NAIVE


def python(*lines: str) -> str:
    """The command of an adapter that is a few lines of Python."""
    return shlex.join([sys.executable, "-c", "\n".join(lines)])


def test_it_lists_the_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == PASSED
    shown = capsys.readouterr().out
    assert all(one.name in shown and one.title in shown for one in read_scenarios())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nothing"], "there is no scenario nothing"),
        (["--scenarios", "none.toml"], "none.toml"),
        (["--adapter", "/no/such/program"], "cannot start"),
        (["--adapter", python("print('hello')")], "no message of the protocol"),
        (["--adapter", python("import sys; sys.exit('I am broken')")], "I am broken"),
        (
            ["--adapter", python('print(\'{"re": 1, "ok": {"protocol": 2}}\')', "input()")],
            "version 2",
        ),
        (
            ["--adapter", python('print(\'{"re": 1, "ok": 1, "error": 2}\')', "input()")],
            "neither ok nor error, or both",
        ),
    ],
    ids=["scenario", "file", "program", "words", "ended", "version", "both"],
)
def test_what_cannot_be_run_is_told(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--seconds", "0"]) == UNUSABLE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--seconds", "-1"], ["--write-table", "--only", "connect"]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


def test_a_run_prints_its_seed_and_keeps_what_tells_of_a_failure(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real system of its own, by a client with mistakes."""
    monkeypatch.chdir(tmp_path)
    only = ["--only", "connect", "--only", "answer-lost"]
    assert main(["--adapter", NAIVE, *only, "--seconds", "0", "--seed", "7"]) == FAILED
    shown = capsys.readouterr().out
    assert "seed 7" in shown
    assert "passed        connect" in shown
    assert "1 failed" in shown
    (kept,) = (tmp_path / ".data" / "conformance").iterdir()
    assert "stored 2 times" in (kept / "findings.txt").read_text()
    assert "STATUS_MSG" in (kept / "ann" / "wire.txt").read_text()
