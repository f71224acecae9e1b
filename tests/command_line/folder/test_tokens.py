"""`parley token`: what it prints, what it signs, what it refuses."""

import os
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from command_line.display.console import CommandError
from command_line.folder import tokens
from command_line.folder.data_folder import DataFolder
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import accepted_line, read_credential
from service_kit.authentication.keys import open_key_source
from tests.support.waiting import PATIENCE


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder as the first start leaves it."""
    made = DataFolder.at(tmp_path / "data")
    with made.locked():
        made.prepare()
    return made


def parley(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end."""
    command = [sys.executable, "-m", "command_line", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_standard_output_is_the_token_alone(folder: DataFolder) -> None:
    """One line, so that $(parley token alice) is the token; its claims are those asked for."""
    before = int(time.time())
    run = parley(
        *("token", "alice", "--data", str(folder.path)),
        *("--role", "moderator", "--role", "support", "--expires-in", "15m"),
    )
    assert run.returncode == 0
    assert run.stderr == ""
    assert run.stdout.endswith("\n")
    token = run.stdout.removesuffix("\n")
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = jwt.decode(token, folder.read_token_secret(), algorithms=["HS256"])
    assert claims.keys() == {"sub", "iat", "exp", "roles"}
    assert claims["sub"] == "alice"
    assert claims["roles"] == ["moderator", "support"]
    assert before <= claims["iat"] <= time.time()
    assert claims["exp"] - claims["iat"] == 15 * 60


def test_a_token_lives_for_an_hour_without_roles_unless_told(folder: DataFolder) -> None:
    """The defaults of the command."""
    run = parley("token", "bob", "--data", str(folder.path))
    claims = jwt.decode(run.stdout.strip(), folder.read_token_secret(), algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["roles"] == []


def test_a_token_may_be_invisible(folder: DataFolder) -> None:
    """The claim is there when asked for, and otherwise not at all."""
    run = parley("token", "bob", "--invisible", "--data", str(folder.path))
    claims = jwt.decode(run.stdout.strip(), folder.read_token_secret(), algorithms=["HS256"])
    assert claims["invisible"] is True


def test_a_token_has_an_id_and_a_time_when_asked_for(folder: DataFolder) -> None:
    """By which it can be revoked; otherwise it has no id, and is issued now to the millisecond."""
    run = parley(
        *("token", "bob", "--token-id", "one", "--issued-at", "2026-01-01T00:00Z"),
        *("--data", str(folder.path)),
    )
    claims = jwt.decode(run.stdout.strip(), folder.read_token_secret(), algorithms=["HS256"])
    assert (claims["jti"], claims["iat"]) == ("one", 1_767_225_600)
    assert claims["exp"] > time.time()
    for wrong in (("--token-id", ""), ("--token-id", "a\nb"), ("--issued-at", "2026-01-01T00:00")):
        run = parley("token", "bob", *wrong, "--data", str(folder.path))
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.count("\n") == 1


def test_a_folder_that_never_started_has_no_secret_and_gets_none(tmp_path: Path) -> None:
    """The message says how to get one; nothing is made, nothing is on standard output."""
    missing = tmp_path / "missing"
    run = parley("token", "alice", "--data", str(missing))
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert f"parley up --data {missing}" in run.stderr
    assert not missing.exists()


def test_secrets_are_for_their_owner_alone(folder: DataFolder) -> None:
    """Files 0600, folders 0700, each secret random and of at least 32 bytes."""
    secrets = [folder.token_secret, *map(folder.credential, Caller)]
    for path in secrets:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(path.read_bytes()) >= 32
    assert len({path.read_bytes() for path in secrets}) == len(secrets)
    accepted = folder.accepted_credentials
    assert stat.S_IMODE(accepted.stat().st_mode) == 0o600
    assert not any(path.read_text() in accepted.read_text() for path in secrets)
    for path in (folder.path, folder.token_secret.parent, folder.log("edge").parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_the_next_start_keeps_the_secrets_and_narrows_their_modes(folder: DataFolder) -> None:
    """Tokens outlive a restart; a secret that was opened to others is closed again."""
    before = folder.read_token_secret()
    folder.token_secret.chmod(0o644)
    assert folder.prepare() == []
    assert folder.read_token_secret() == before
    assert stat.S_IMODE(folder.token_secret.stat().st_mode) == 0o600


def test_the_credential_of_an_older_folder_goes_on_as_that_of_the_edge(
    folder: DataFolder,
) -> None:
    """All parts showed the same one; cursors are sealed with it and stay good."""
    secrets = folder.token_secret.parent
    folder.credential(Caller.EDGE).rename(secrets / "service.key")
    before = (secrets / "service.key").read_text()
    assert folder.prepare() == []
    assert read_credential(folder.credential(Caller.EDGE)) == before
    assert not (secrets / "service.key").exists()
    assert accepted_line(Caller.EDGE, before) in folder.accepted_credentials.read_text()


async def test_a_secret_is_read_as_the_edge_reads_it(folder: DataFolder) -> None:
    """Whatever an editor has added to it, a token that is signed with it is good."""
    secret = folder.read_token_secret()
    for content in (secret + b" \r\n", b"\t" + secret + b"\n\n", secret + b"\xff\x00"):
        folder.token_secret.write_bytes(content)
        token = tokens.mint(folder, "alice", timedelta(hours=1))
        source = open_key_source(secret_files=[folder.token_secret])
        (key,) = await source.find(None, "HS256")
        assert isinstance(key.material, bytes)
        assert jwt.decode(token, key.material, algorithms=["HS256"])["sub"] == "alice"


def test_a_secret_that_is_too_short_signs_nothing(folder: DataFolder) -> None:
    """A truncated key is refused instead of making tokens that anyone could forge."""
    os.truncate(folder.token_secret, 8)
    with pytest.raises(CommandError, match="less than 32"):
        tokens.mint(folder, "alice", timedelta(hours=1))


@pytest.mark.parametrize("user", ["", " ", "a\nb", "a\x00", "x" * 129])
def test_names_that_the_edge_would_refuse(folder: DataFolder, user: str) -> None:
    """No token is made that could not be used."""
    with pytest.raises(CommandError):
        tokens.mint(folder, user, timedelta(hours=1))


def test_mistakes_are_one_line_without_a_traceback(folder: DataFolder) -> None:
    """An expected failure reads as a sentence."""
    run = parley("token", "alice", "--data", str(folder.path), "--expires-in", "soon")
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == (
        "parley: not a duration: 'soon'; write a number and s, m, h or d, as 15m\n"
    )
