"""`parley credentials`: made for their owner alone, shown as digests, refused when short."""

import stat
from pathlib import Path

import pytest

from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import (
    AcceptedCredentials,
    accepted_line,
    present,
    read_credential,
)
from tests.command_line.folder.test_tokens import parley


@pytest.mark.parametrize("caller", Caller)
def test_a_made_credential_is_accepted_by_the_line_that_is_printed(
    tmp_path: Path, caller: Caller
) -> None:
    """The file has the credential and is its owner's alone; the line has the digest."""
    file = tmp_path / "credential"
    made = parley("credentials", "make", caller, str(file))
    assert (made.returncode, made.stderr) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    credential = read_credential(file)
    assert len(credential) == 43
    assert credential not in made.stdout
    (tmp_path / "accepted").write_text(made.stdout)
    ((_, value),) = present(credential)
    assert AcceptedCredentials(tmp_path / "accepted", 0).find(value.encode()) is caller
    assert parley("credentials", "digest", caller, str(file)).stdout == made.stdout


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "credential"
    file.write_text("something else")
    run = parley("credentials", "make", "edge", str(file))
    assert run.returncode == 2
    assert run.stderr == f"parley: {file} is there already, and is not written over\n"
    assert file.read_text() == "something else"


def test_a_short_credential_gets_no_digest(tmp_path: Path) -> None:
    """Of one that somebody made up the digest could be undone by trying."""
    file = tmp_path / "credential"
    file.write_text("correct horse battery staple\n".replace(" ", "-"))
    run = parley("credentials", "digest", "edge", str(file))
    assert (run.returncode, run.stdout) == (2, "")
    assert "has not 32 to 512 characters" in run.stderr
    assert "horse" not in run.stderr
    file.write_text("\ufeff" + "x" * 32 + "\r\n")
    run = parley("credentials", "digest", "edge", str(file))
    assert run.stdout == accepted_line(Caller.EDGE, "x" * 32) + "\n"


def test_nobody_else_gets_one(tmp_path: Path) -> None:
    """A name that services do not know is a mistake."""
    run = parley("credentials", "make", "admin", str(tmp_path / "credential"))
    assert run.returncode == 2
    assert "edge" in run.stderr
    assert not (tmp_path / "credential").exists()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    run = parley("credentials", "make", "edge", str(tmp_path / "none" / "credential"))
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    run = parley("credentials", "digest", "edge", str(tmp_path / "none" / "credential"))
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
