"""TLS between the parts: what is planted in files and settings, and at a service that runs."""

import shutil
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from command_line.certificates.authority import Authority, make_authority
from command_line.doctor.checks.certificates import check_certificates, covers
from command_line.doctor.checks.settings import check_settings
from command_line.doctor.checks.targets import check_targets
from command_line.doctor.deployment import of_environment
from command_line.doctor.kinds import Kind
from tests.command_line.doctor.conftest import World
from tests.support.certificates import DOMAIN, Certificates
from tests.support.system import System
from tests.support.waiting import PATIENCE

# Its certificates and service are made once.
pytestmark = pytest.mark.xdist_group("doctor_certificates")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("made"))


class Secured:
    """A sound deployment with TLS between all parts."""

    def __init__(self, world: World, certificates: Certificates) -> None:
        self.world = world
        self.certificates = certificates
        world.variables |= certificates.environment()
        world.write()

    async def look(self) -> list[Kind]:
        self.world.write()
        examined = self.world.deployment()
        found = [one async for one in check_certificates(examined)]
        found += [one async for one in check_settings(examined)]
        assert all(one.cure for one in found)
        return [one.kind for one in found]

    def sign(self, name: str, authority: Authority | None = None, **changes: object) -> None:
        """Put another certificate in the place of a part's own."""
        signing = authority or self.certificates.authority
        given = {
            "uri": f"spiffe://{DOMAIN}/parley/{name}",
            "hosts": ["127.0.0.1"],
            "days": 90.0,
            "serves": True,
        }
        self.certificates.write(name, signing.sign(**(given | changes)))  # type: ignore[arg-type] # by name


@pytest.fixture
def secured(world: World, made: Certificates, tmp_path: Path) -> Secured:
    shutil.copytree(made.folder, tmp_path / "certificates")
    return Secured(world, Certificates(tmp_path / "certificates"))


async def test_certificates_as_they_are_made_are_sound(secured: Secured) -> None:
    assert await secured.look() == []


async def test_files_that_cannot_be_used_are_named(secured: Secured) -> None:
    """Another key, a key for all, no authority; the cure of the second mends it."""
    key = secured.certificates.file("edge_key")
    secured.certificates.file("edge_key").chmod(0o644)
    assert await secured.look() == [Kind.CERTIFICATE_UNUSABLE]
    secured.world.run(f"chmod 600 {key}")
    assert await secured.look() == []
    shutil.copy(secured.certificates.file("desk_key"), key)
    assert await secured.look() == [Kind.CERTIFICATE_UNUSABLE]
    shutil.copy(secured.certificates.file("desk_certificate"), secured.certificates.ca)
    assert set(await secured.look()) >= {Kind.CERTIFICATE_UNUSABLE}


async def test_time_is_looked_at(secured: Secured) -> None:
    """About to expire is a warning, and expired an error."""
    now = datetime.now(UTC)
    secured.sign("messaging", days=3.0)
    assert await secured.look() == [Kind.CERTIFICATE_EXPIRES]
    secured.sign("messaging", now=now - timedelta(days=100))
    assert await secured.look() == [Kind.CERTIFICATE_UNUSABLE]


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("PARLEY_EDGE_TLS_PLAIN_TARGETS", "messaging", {Kind.TLS_DISAGREES}),
        ("PARLEY_EDGE_TLS_TARGET_NAMES", "messaging=elsewhere.example", {Kind.TLS_DISAGREES}),
        (
            "PARLEY_MESSAGING_TLS_ALLOWED_PEERS",
            f"spiffe://{DOMAIN}/parley/negotiation,spiffe://{DOMAIN}/parley/moderation",
            {Kind.TLS_DISAGREES},
        ),
        ("PARLEY_MESSAGING_TLS_CLIENT_CA_FILE", "", {Kind.SETTINGS_CONTRADICT}),
        ("PARLEY_MESSAGING_TRUSTED_NETWORK", "true", {Kind.SETTINGS_CONTRADICT}),
    ],
)
async def test_settings_that_do_not_go_together_are_named(
    secured: Secured, variable: str, value: str, expected: set[Kind]
) -> None:
    secured.world.variables[variable] = value
    if not value:
        del secured.world.variables[variable]
    assert set(await secured.look()) == expected


async def test_who_has_no_certificate_or_that_of_others_is_named(secured: Secured) -> None:
    """Of another authority, for another host, and none to show."""
    stranger = Authority(*make_authority("stranger.example", 365))
    secured.sign("edge", stranger)
    assert set(await secured.look()) == {Kind.TLS_DISAGREES}
    secured.sign("edge")
    assert await secured.look() == []
    secured.sign("messaging", hosts=["elsewhere.example"])
    assert set(await secured.look()) == {Kind.TLS_DISAGREES}
    secured.sign("messaging")
    for setting in ("CERTIFICATE_FILE", "KEY_FILE"):
        del secured.world.variables[f"PARLEY_EDGE_TLS_{setting}"]
    assert set(await secured.look()) == {Kind.TLS_DISAGREES}


def test_names_cover_hosts() -> None:
    assert covers(("messaging", "*.parley.svc"), "messaging")
    assert covers(("*.parley.svc",), "messaging.parley.svc")
    assert not covers(("*.parley.svc",), "a.messaging.parley.svc")
    assert not covers((), "messaging")


# --- At a service that runs ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(made: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Messaging, which speaks TLS with who shows a certificate and a credential."""
    with System(tmp_path_factory.mktemp("running")) as system:
        system.settings["messaging"] = {
            name: ",".join(value) if isinstance(value, tuple) else value
            for name, value in made.serving("messaging").items()
        }
        system.start_services("messaging")
        host, _, port = system.target("messaging").rpartition(":")
        deadline = time.monotonic() + PATIENCE
        # Nothing announces that a process listens.
        while socket.socket().connect_ex((host, int(port))) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield system


async def test_a_connection_that_fails_by_tls_is_named(
    running: System, made: Certificates, tmp_path: Path
) -> None:
    """As an edge would call, with the right files and with wrong ones."""
    stranger = Authority(*make_authority("stranger.example", 365))
    unknown = tmp_path / "ca_certificate"
    unknown.write_bytes(make_authority("other.example", 90).certificate)
    strange = Certificates(tmp_path / "strange")

    async def look(**settings: object) -> set[Kind]:
        given = {
            "messaging_target": running.target("messaging"),
            "credential_file": running.folder / "edge.key",
            "token_secret_file": running.folder / "token.key",
            **made.calling("edge"),
            **settings,
        }
        examined = of_environment(
            {f"PARLEY_EDGE_{name.upper()}": str(value) for name, value in given.items() if value}
        )
        found = [finding async for finding in check_targets(examined)]
        return {finding.kind for finding in found}

    assert await look() == set()
    _, _, port = running.target("messaging").rpartition(":")
    assert await look(messaging_target=f"dns:///localhost:{port}") == set()
    assert await look(tls_ca_file=unknown) == {Kind.TARGET_TLS_FAILS}
    plain = {"tls_ca_file": None, "tls_certificate_file": None, "tls_key_file": None}
    assert await look(**plain) == {Kind.TARGET_TLS_FAILS}
    named = {"tls_target_names": "messaging=elsewhere.example"}
    assert await look(**named) == {Kind.TARGET_TLS_FAILS}
    signed = stranger.sign(f"spiffe://{DOMAIN}/parley/edge", [], 90, serves=False)
    assert await look(**strange.write("edge", signed)) == {Kind.TARGET_TLS_FAILS}
    # Known by the authority, and as another than the credential says.
    assert await look(**made.own("desk")) == {Kind.TARGET_REFUSES}
