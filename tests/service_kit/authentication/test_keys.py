"""The key source that the settings name, and keys in files that change."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import jwt
import pytest

from service_kit.authentication.authenticator import Authenticator
from service_kit.authentication.errors import AuthenticationError
from service_kit.authentication.key_set import JsonWebKeySet
from service_kit.authentication.key_source import MAXIMUM_TRIED_KEYS
from service_kit.authentication.keys import KeyFiles, open_key_source
from service_kit.authentication.verification_keys import read_public_key, read_secret
from tests.service_kit.authentication.tokens import (
    NOW,
    claims,
    public_pem,
    refusal,
    rsa_key,
    signed,
)


def test_source_is_made_from_what_is_named(tmp_path: Path) -> None:
    """Secret files, public key files and an address each give their source."""
    secret_file, public_key_file = tmp_path / "secret", tmp_path / "public.pem"
    secret_file.write_bytes(b"s" * 32 + b"\r\n")
    public_key_file.write_bytes(public_pem(rsa_key("first")))
    secrets = open_key_source(secret_files=[secret_file])
    assert secrets.algorithms == {"HS256"}
    assert "RS256" in open_key_source(public_key_files=[public_key_file]).algorithms
    assert isinstance(open_key_source(jwks_url="https://issuer.example/keys"), JsonWebKeySet)


async def test_final_newline_of_a_secret_file_does_not_count(tmp_path: Path) -> None:
    """The secret is the same with and without the newline that editors add."""
    secret_file = tmp_path / "secret"
    secret_file.write_bytes(b" secret with spaces around, which count \n")
    (key,) = await open_key_source(secret_files=[secret_file]).find(None, "HS256")
    assert key.material == b" secret with spaces around, which count "


def test_source_must_be_named_exactly_once(tmp_path: Path) -> None:
    """None or two sources are a mistake that must not be settled by guessing."""
    with pytest.raises(ValueError, match="exactly one"):
        open_key_source()
    with pytest.raises(ValueError, match="exactly one"):
        open_key_source(secret_files=[tmp_path / "secret"], jwks_url="https://issuer.example/keys")
    with pytest.raises(ValueError, match="at most"):
        open_key_source(secret_files=[tmp_path / "secret"] * (MAXIMUM_TRIED_KEYS + 1))


def test_unreadable_file_is_told(tmp_path: Path) -> None:
    """The error names the file and the problem, also of the second one."""
    (tmp_path / "good").write_bytes(b"g" * 32)
    (tmp_path / "short").write_bytes(b"s" * 31)
    for bad, problem in (("missing", "No such file"), ("short", "31 bytes")):
        with pytest.raises(ValueError, match=f"{bad}.*{problem}"):
            open_key_source(secret_files=[tmp_path / "good", tmp_path / bad])


# --- Several keys, and others later -------------------------------------------------------------

_OLD, _NEW, _OTHER = b"o" * 48, b"n" * 48, b"x" * 48


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Keep = Callable[..., Authenticator]


@pytest.fixture
def keep(tmp_path: Path, clock: Clock) -> Keep:
    """Make an authenticator of secrets in files "0", "1" and so on."""

    def make(secrets: Sequence[bytes]) -> Authenticator:
        paths = [tmp_path / str(number) for number in range(len(secrets))]
        for path, secret in zip(paths, secrets, strict=True):
            path.write_bytes(secret)
        return Authenticator(KeyFiles(paths, read_secret, clock), algorithms=[], audience="parley")

    return make


async def accepts(authenticator: Authenticator, secret: bytes, **header: str) -> bool:
    """Whether a token that was signed with this secret is good."""
    token = signed(claims(), header={"alg": "HS256", **header}, secret=secret)
    try:
        await authenticator.authenticate(token, NOW)
    except AuthenticationError as error:
        if error.reason != "bad_signature":
            raise
        return False
    return True


async def test_each_of_several_keys_is_good(keep: Keep) -> None:
    """Whatever `kid` a token has, for files have none; a third key helps nobody."""
    authenticator = keep([_OLD, _NEW])
    for secret, good in ((_OLD, True), (_NEW, True), (_OTHER, False)):
        assert await accepts(authenticator, secret) is good
        assert await accepts(authenticator, secret, kid="anything") is good


async def test_a_rotation_signs_nobody_out(keep: Keep, clock: Clock, tmp_path: Path) -> None:
    """The new key beside the old one, then alone, without a start in between."""
    authenticator = keep([_OLD, _OTHER])
    (tmp_path / "1").write_bytes(_NEW)
    assert not await accepts(authenticator, _NEW)
    clock.now += 1
    assert await accepts(authenticator, _NEW)
    assert await accepts(authenticator, _OLD)
    (tmp_path / "0").write_bytes(_NEW + b"\n")
    clock.now += 1
    assert not await accepts(authenticator, _OLD)


async def test_a_file_that_cannot_be_used_changes_nothing(
    keep: Keep, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and what was read last stays until there is something better."""
    authenticator = keep([_OLD])
    for spoil in (lambda: (tmp_path / "0").write_bytes(b""), (tmp_path / "0").unlink):
        caplog.clear()
        spoil()
        for _ in range(3):
            clock.now += 1
            assert await accepts(authenticator, _OLD)
        assert [one.levelno for one in caplog.records] == [logging.ERROR]
        assert str(tmp_path / "0") in caplog.text
    (tmp_path / "0").write_bytes(_NEW)
    clock.now += 1
    assert await accepts(authenticator, _NEW)


async def test_keys_of_several_types_keep_to_their_algorithms(tmp_path: Path) -> None:
    """A token of each is good with its own algorithm, and a public key is nobody's secret."""
    rsa, other = rsa_key("first"), rsa_key("second")
    paths = [tmp_path / "rsa.pem", tmp_path / "other.pem"]
    for path, key in zip(paths, (rsa, other), strict=True):
        path.write_bytes(public_pem(key))
    authenticator = Authenticator(
        KeyFiles(paths, read_public_key), algorithms=[], audience="parley"
    )
    for key in (rsa, other):
        await authenticator.authenticate(jwt.encode(claims(), key, algorithm="RS256"), NOW)
    for path in paths:
        forged = signed(claims(), secret=path.read_bytes())
        assert (await refusal(authenticator, forged)).reason == "algorithm_not_allowed"


async def test_a_token_that_is_known_is_refused_when_its_key_is_gone(
    tmp_path: Path, clock: Clock
) -> None:
    """What was found in a token is remembered for as long as the key is one of the source's; its
    times are looked at each time, and a token that was changed is another.
    """
    path = tmp_path / "key"
    path.write_bytes(_OLD)
    authenticator = Authenticator(
        KeyFiles([path], read_secret, clock), algorithms=[], audience="parley", remembered_tokens=2
    )
    token = signed(claims(), header={"alg": "HS256"}, secret=_OLD)
    for _ in range(2):
        assert (await authenticator.authenticate(token, NOW)).user == "alice"
    assert authenticator.remembered_tokens == 1
    with pytest.raises(AuthenticationError, match="expired"):
        await authenticator.authenticate(token, NOW + 10**9)
    with pytest.raises(AuthenticationError):
        await authenticator.authenticate(token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), NOW)
    path.write_bytes(_NEW)
    clock.now += 3600
    with pytest.raises(AuthenticationError) as refused:
        await authenticator.authenticate(token, NOW)
    assert refused.value.reason == "bad_signature"


async def test_no_more_tokens_are_remembered_than_may_be(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "key"
    path.write_bytes(_OLD)
    authenticator = Authenticator(
        KeyFiles([path], read_secret, clock), algorithms=[], audience="parley", remembered_tokens=2
    )
    for user in ("a", "b", "a", "c"):
        token = signed(claims(sub=user), header={"alg": "HS256"}, secret=_OLD)
        assert (await authenticator.authenticate(token, NOW)).user == user
    assert authenticator.remembered_tokens == 2
