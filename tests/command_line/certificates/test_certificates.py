"""`parley certificates`: what it makes, what it keeps, and what it refuses."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from command_line.certificates.program import command
from command_line.display.console import CommandError
from service_kit.authentication.callers import Caller
from service_kit.tls.files import names_of, read_authorities, read_identity
from tests.support.certificates import Certificates

SERVERS = {"messaging", "negotiation", "moderation"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made" / "secrets"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def load(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}_certificate").read_bytes())


def test_each_part_gets_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Signed by the authority, for 90 days, under its name; a server has hosts. All is private."""
    command(folder)
    made = {f"{name}_{what}" for name in (*Caller, "ca") for what in ("certificate", "key")}
    assert contents(folder).keys() == made
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    authority = read_authorities(folder / "ca_certificate")
    assert authority.not_after - datetime.now(UTC) > timedelta(days=3600)
    issuer = load(folder, "ca")
    for name in Caller:
        pair = folder / f"{name}_certificate", folder / f"{name}_key"
        found = read_identity(*pair, serves=name in SERVERS, calls=True).certificate
        found.verify_directly_issued_by(issuer)
        life = found.not_valid_after_utc - datetime.now(UTC)
        assert timedelta(days=89) < life <= timedelta(days=90)
        value = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = value.get_values_for_type(x509.UniformResourceIdentifier)
        assert uris == [f"spiffe://parley.internal/parley/{name}"]
        hosts = [name, "localhost", "127.0.0.1", "::1"] if name in SERVERS else []
        assert [*names_of(found)] == hosts
    said = capsys.readouterr().out
    assert "TLS_ALLOWED_PEERS=spiffe://parley.internal/parley/*" in said
    assert "ca_key goes nowhere" in said


def test_what_is_there_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run changes nothing, and one after a loss makes what is missing."""
    command(folder)
    before = contents(folder)
    command(folder)
    assert contents(folder) == before
    assert "has all of them already; --renew" in capsys.readouterr().out
    for what in ("certificate", "key"):
        (folder / f"desk_{what}").unlink()
    command(folder)
    after = contents(folder)
    assert after.keys() == before.keys()
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"desk_certificate", "desk_key"}


def test_renewal_keeps_names_owners_and_files(folder: Path) -> None:
    """For the same hosts, also of further servers, with new keys; the authority is the same. A
    file stays the same file, for a container into which it is mounted sees no other.
    """
    hosts = ["messaging=chat.example.org", "10.0.0.5"]
    command(folder, domain="example.org", host=hosts, also=["nats"])
    (folder / "messaging_key").chmod(0o400)
    before = contents(folder)
    inode = (folder / "messaging_key").stat().st_ino
    command(folder, renew=True, days=30)
    after = contents(folder)
    kept = {name for name in before if after[name] == before[name]}
    assert kept == {"ca_certificate", "ca_key"}
    found = load(folder, "messaging")
    assert {"messaging", "chat.example.org", "10.0.0.5"} <= {*names_of(found)}
    assert "nats" in names_of(load(folder, "nats"))
    value = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = value.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == ["spiffe://example.org/parley/messaging"]
    status = (folder / "messaging_key").stat()
    assert (status.st_ino, status.st_mode & 0o777) == (inode, 0o400)


def test_another_authority_comes_in_three_steps(folder: Path) -> None:
    """After each of them everybody is believed who was before it, or has been made since."""
    command(folder)

    def believed(name: str) -> bool:
        context = ssl.create_default_context(cafile=folder / "ca_certificate")
        issuer = load(folder, name).issuer.public_bytes()
        found = context.get_ca_certs(binary_form=True)
        return issuer in {
            x509.load_der_x509_certificate(one).subject.public_bytes() for one in found
        }

    old = load(folder, "edge").issuer
    command(folder, replace_authority=True)
    assert believed("edge")
    with pytest.raises(CommandError, match="two authorities already; --forget-authority"):
        command(folder, replace_authority=True)
    with pytest.raises(CommandError, match="is of the one before: --renew"):
        command(folder, forget_authority=True)
    command(folder, renew=True)
    assert load(folder, "edge").issuer != old
    assert believed("edge")
    command(folder, forget_authority=True)
    assert believed("edge")
    assert len(x509.load_pem_x509_certificates((folder / "ca_certificate").read_bytes())) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"renew": True, "replace_authority": True}, "are steps"),
        ({"domain": "spiffe://x"}, "is no name like"),
        ({"domain": ""}, "is no name like"),
        ({"host": ["edge=x.example"]}, "there are messaging, negotiation, moderation"),
        ({"host": ["mesaging=x.example"]}, "there are messaging"),
        ({"host": ["a b"]}, "is no host and no address"),
        ({"also": ["Nats"]}, "a name has small letters"),
        ({"also": ["ca"]}, "a name has small letters"),
        ({"days": 800, "authority_days": 30}, "the authority itself is good until"),
    ],
)
def test_bad_options_are_one_line(folder: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(CommandError, match=words) as caught:
        command(folder, **options)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_an_authority_is_not_made_twice(folder: Path) -> None:
    """With half of it, or with the key of another, nothing is written."""
    command(folder)
    key = folder / "ca_key"
    kept = key.read_bytes()
    before = contents(folder)
    for what, words in (
        (None, "ca_key is missing, and nothing is signed without it"),
        (b"rubbish", "is none in PEM"),
        ((folder / "edge_key").read_bytes(), "is not that of its certificate"),
    ):
        key.unlink(missing_ok=True)
        if what is not None:
            key.write_bytes(what)
        with pytest.raises(CommandError, match=words):
            command(folder, renew=True)
    key.write_bytes(kept)
    assert contents(folder) == before


def test_a_folder_that_can_not_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match=r"cannot make certificates in .*file"):
        command(tmp_path / "file")


def test_the_support_of_tests_is_the_command(tmp_path: Path) -> None:
    """What tests are served with is what operators get."""
    assert Certificates(tmp_path).authority.certificate == load(tmp_path, "ca")
