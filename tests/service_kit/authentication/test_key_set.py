"""Keys that an issuer publishes: fetched, rotated, and kept when the issuer fails.

The issuer is a real HTTP server on a free port. Where the order of things matters it is held
back and let go by events, and the clock of the fetch window is moved by hand.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from prometheus_client import CollectorRegistry

from service_kit.authentication.authenticator import Authenticator
from service_kit.authentication.errors import AuthenticationError
from service_kit.authentication.key_set import JsonWebKeySet
from service_kit.authentication.key_source import MAXIMUM_TRIED_KEYS
from tests.service_kit.authentication.issuer import Issuer, jwk, token
from tests.service_kit.authentication.tokens import NOW, public_pem, rsa_key
from tests.support.waiting import PATIENCE


class Clock:
    """A clock that is moved by hand, in seconds."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@asynccontextmanager
async def running(issuer: Issuer, **settings: Any) -> AsyncIterator[Authenticator]:
    """An authenticator with the keys of this issuer, closed at the end."""
    keys = JsonWebKeySet(issuer.url, **settings)
    await keys.start()
    try:
        yield Authenticator(keys, algorithms=["HS256", "RS256", "PS256"])
    finally:
        await keys.close()


async def reason(authenticator: Authenticator, text: str) -> str:
    """Why this token is refused, or "accepted"."""
    try:
        await authenticator.authenticate(text, NOW)
    except AuthenticationError as error:
        return error.reason
    return "accepted"


async def test_published_key_verifies(issuer: Issuer) -> None:
    """One fetch at the start serves any number of tokens."""
    async with running(issuer) as authenticator:
        for _ in range(5):
            assert (await authenticator.authenticate(token("first"), NOW)).user == "first"
    assert issuer.requests == 1


async def test_rotation_needs_no_waiting(issuer: Issuer) -> None:
    """A token of a new key is accepted at once, and one of a key withdrawn is refused."""
    async with running(issuer) as authenticator:
        issuer.keys = [jwk("second")]
        assert await reason(authenticator, token("second")) == "accepted"
        assert await reason(authenticator, token("first")) == "unknown_key"
    assert issuer.requests == 2


async def test_background_refresh_withdraws_keys(issuer: Issuer) -> None:
    """Without any unknown kid the set is fetched at its interval, and old keys are forgotten."""
    async with running(issuer, refresh_seconds=0.02, demand_seconds=1e9) as authenticator:
        issuer.keys = [jwk("second")]
        await issuer.wait_for_requests(issuer.requests + 2)
        assert await reason(authenticator, token("second")) == "accepted"
        assert await reason(authenticator, token("first")) == "unknown_key"


async def test_flood_of_unknown_kids_causes_one_fetch_per_window(issuer: Issuer) -> None:
    """A thousand invented kids cost the issuer one request; after 30 s there may be another."""
    clock = Clock()
    async with running(issuer, monotonic=clock) as authenticator:
        flood = [token("stranger", key_id=f"invented-{number}") for number in range(50)] * 20

        async def refuse_all() -> None:
            outcomes = await asyncio.gather(*[reason(authenticator, text) for text in flood])
            assert set(outcomes) == {"unknown_key"}

        await refuse_all()
        await refuse_all()
        assert issuer.requests == 2
        clock.seconds += 29.9
        await refuse_all()
        assert issuer.requests == 2
        clock.seconds += 0.2
        await refuse_all()
        assert issuer.requests == 3
        assert await reason(authenticator, token("first")) == "accepted"


async def test_flood_is_answered_at_once_within_the_window(issuer: Issuer) -> None:
    """When the fetch of the window is spent, an unknown kid is refused without any suspension."""
    async with running(issuer) as authenticator:
        assert await reason(authenticator, token("stranger")) == "unknown_key"
        issuer.hang()
        attempt = authenticator.authenticate(token("stranger", key_id="other"), NOW)
        with pytest.raises(AuthenticationError, match="key is not known"):
            attempt.send(None)
    assert issuer.requests == 2


async def test_loop_goes_on_while_the_issuer_hangs(issuer: Issuer) -> None:
    """A hanging issuer delays its unknown kids alone: others are let in, and the loop ticks.

    The issuer is let go only after a hundred turns of the loop, which a blocked one never makes.
    """
    async with running(issuer) as authenticator:
        issuer.hang()
        issuer.keys = [jwk("first"), jwk("second")]
        waiting = asyncio.create_task(reason(authenticator, token("second")))
        await issuer.wait_for_requests(2)
        for _ in range(100):
            assert await reason(authenticator, token("first")) == "accepted"
            await asyncio.sleep(0)
        assert not waiting.done()
        issuer.release()
        assert await waiting == "accepted"


async def test_hanging_issuer_is_given_up(issuer: Issuer) -> None:
    """Whoever waits for a new key is refused when the time of the fetch is over."""
    async with running(issuer, timeout_seconds=0.2) as authenticator:
        issuer.hang()
        async with asyncio.timeout(PATIENCE):
            assert await reason(authenticator, token("second")) == "unknown_key"


async def test_fetch_is_shared(issuer: Issuer) -> None:
    """All who ask for a new key while it is being fetched wait for the same fetch."""
    async with running(issuer) as authenticator:
        issuer.hang()
        issuer.keys = [jwk("first"), jwk("second")]
        waiting = [asyncio.create_task(reason(authenticator, token("second"))) for _ in range(50)]
        await issuer.wait_for_requests(2)
        assert not any(task.done() for task in waiting)
        issuer.release()
        assert set(await asyncio.gather(*waiting)) == {"accepted"}
    assert issuer.requests == 2


async def test_number_of_those_who_wait_is_limited(issuer: Issuer) -> None:
    """Beyond the limit an unknown kid is refused at once instead of waiting with the others."""
    async with running(issuer, maximum_waiting=3) as authenticator:
        issuer.hang()
        issuer.keys = [jwk("first"), jwk("second")]
        waiting = [asyncio.create_task(reason(authenticator, token("second"))) for _ in range(3)]
        await issuer.wait_for_requests(2)
        assert await reason(authenticator, token("second")) == "unknown_key"
        issuer.release()
        assert await asyncio.gather(*waiting) == ["accepted"] * 3


async def test_one_who_leaves_does_not_end_the_fetch(issuer: Issuer) -> None:
    """A handshake that is given up while it waits takes nothing from the others."""
    async with running(issuer) as authenticator:
        issuer.hang()
        issuer.keys = [jwk("second")]
        leaving = asyncio.create_task(reason(authenticator, token("second")))
        staying = asyncio.create_task(reason(authenticator, token("second")))
        await issuer.wait_for_requests(2)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        issuer.release()
        assert await staying == "accepted"


async def test_last_good_keys_stay_when_the_issuer_dies(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Any number of failures changes nothing but the metric, and leaves one warning in the log."""
    caplog.set_level(logging.INFO, logger="service_kit.authentication.key_set")
    registry = CollectorRegistry()
    async with running(issuer, refresh_seconds=0.02, registry=registry) as authenticator:
        issuer.status = 500
        await issuer.wait_for_requests(issuer.requests + 5)
        assert await reason(authenticator, token("first")) == "accepted"
        issuer.status = 200
        await issuer.wait_for_requests(issuer.requests + 2)
        assert await reason(authenticator, token("first")) == "accepted"
    failures = registry.get_sample_value("key_fetches_total", {"outcome": "failure"})
    assert failures is not None
    assert failures >= 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_last_good_keys_stay_when_nothing_listens(issuer: Issuer) -> None:
    """A refused connection is a failure like any other."""
    async with running(issuer) as authenticator:
        issuer.close()
        assert await reason(authenticator, token("second")) == "unknown_key"
        assert await reason(authenticator, token("first")) == "accepted"


async def test_issuer_may_be_down_at_the_start(issuer: Issuer) -> None:
    """The start goes through; tokens are refused for want of keys until the issuer is back."""
    issuer.status = 503
    async with running(issuer, refresh_seconds=0.02) as authenticator:
        assert await reason(authenticator, token("first")) == "keys_unavailable"
        issuer.status = 200
        await issuer.wait_for_requests(issuer.requests + 2)
        assert await reason(authenticator, token("first")) == "accepted"


@pytest.mark.parametrize(
    "misbehave",
    [
        lambda issuer: setattr(issuer, "status", 404),
        lambda issuer: setattr(issuer, "status", 203),
        lambda issuer: setattr(issuer, "body", b"<html>maintenance</html>"),
        lambda issuer: setattr(issuer, "body", b""),
        lambda issuer: setattr(issuer, "keys", []),
        lambda issuer: setattr(issuer, "keys", [jwk("second", use="enc")]),
        lambda issuer: setattr(issuer, "keys", [jwk("second")] * 101),
        lambda issuer: setattr(issuer, "padding", 1_048_576),
    ],
    ids=["404", "203", "HTML", "empty", "no keys", "no usable keys", "too many keys", "too large"],
)
async def test_useless_answer_replaces_no_keys(
    issuer: Issuer, misbehave: Callable[[Issuer], None]
) -> None:
    """Only a set with usable keys, within the limits, takes the place of the last one."""
    async with running(issuer) as authenticator:
        issuer.keys = [jwk("second")]
        misbehave(issuer)
        assert await reason(authenticator, token("second")) == "unknown_key"
        assert await reason(authenticator, token("first")) == "accepted"
    assert issuer.requests == 2


async def test_redirect_is_not_followed(issuer: Issuer) -> None:
    """Keys come from the configured address alone."""
    elsewhere = Issuer()
    try:
        elsewhere.keys = [jwk("second")]
        async with running(issuer) as authenticator:
            issuer.status, issuer.location = 302, elsewhere.url
            assert await reason(authenticator, token("second")) == "unknown_key"
        assert elsewhere.requests == 0
    finally:
        elsewhere.close()


async def test_addresses_in_a_token_are_never_fetched(issuer: Issuer) -> None:
    """The jku and x5u of a token lead nowhere, also with a kid that is not known."""
    attacker = Issuer()
    try:
        attacker.keys = [jwk("attacker"), jwk("attacker", kid="first")]
        async with running(issuer) as authenticator:
            for key_id in ("attacker", "first", None):
                text = token("attacker", key_id=key_id, jku=attacker.url, x5u=attacker.url)
                assert await reason(authenticator, text) in {"unknown_key", "bad_signature"}
        assert attacker.requests == 0
    finally:
        attacker.close()


@pytest.mark.parametrize("key_id", ["first", None])
async def test_public_key_of_the_set_is_no_secret(issuer: Issuer, key_id: str | None) -> None:
    """HS256 with the published key as its secret is refused although HS256 is on the list."""
    header = {"alg": "HS256"} | ({} if key_id is None else {"kid": key_id})
    signing_input = ".".join(
        jwt.utils.base64url_encode(json.dumps(part).encode()).decode()
        for part in (header, {"sub": "alice", "exp": NOW + 60})
    )
    async with running(issuer) as authenticator:
        for secret in (public_pem(rsa_key("first")), json.dumps(jwk("first")).encode()):
            signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
                signing_input.encode(), secret
            )
            text = f"{signing_input}.{jwt.utils.base64url_encode(signature).decode()}"
            assert await reason(authenticator, text) == "algorithm_not_allowed"
    assert issuer.requests == 1


async def test_published_secret_is_ignored(issuer: Issuer) -> None:
    """A symmetric key in a public set is known to all, so nothing is verified with it."""
    secret = b"a secret that the issuer has published for everyone"
    text = jwt.encode(
        {"sub": "alice", "exp": NOW + 60}, secret, algorithm="HS256", headers={"kid": "shared"}
    )
    encoded = jwt.utils.base64url_encode(secret).decode()
    issuer.keys.append({"kty": "oct", "kid": "shared", "alg": "HS256", "k": encoded})
    async with running(issuer) as authenticator:
        assert await reason(authenticator, text) == "algorithm_not_allowed"


async def test_key_is_used_with_its_own_algorithm_alone(issuer: Issuer) -> None:
    """A key whose alg is RS256 verifies no PS256, though its type could; one without alg does."""
    async with running(issuer) as authenticator:
        text = token("first", algorithm="PS256")
        assert await reason(authenticator, text) == "algorithm_not_allowed"
        assert issuer.requests == 1
    del issuer.keys[0]["alg"]
    async with running(issuer) as authenticator:
        assert await reason(authenticator, token("first", algorithm="PS256")) == "accepted"


async def test_token_without_kid_may_be_of_any_key(issuer: Issuer) -> None:
    """Each that fits is tried, unless there are so many that whoever comes could keep it busy."""
    async with running(issuer) as authenticator:
        assert await reason(authenticator, token("first", key_id=None)) == "accepted"
        issuer.keys.append(jwk("second"))
        assert await reason(authenticator, token("second")) == "accepted"
        for name in ("first", "second"):
            assert await reason(authenticator, token(name, key_id=None)) == "accepted"
        assert await reason(authenticator, token("third", key_id=None)) == "bad_signature"
    issuer.keys += [jwk("second", kid=f"copy {number}") for number in range(MAXIMUM_TRIED_KEYS)]
    async with running(issuer) as authenticator:
        assert await reason(authenticator, token("first", key_id=None)) == "unknown_key"
        assert await reason(authenticator, token("first")) == "accepted"


async def test_kid_of_another_key_helps_nobody(issuer: Issuer) -> None:
    """A token is verified with the key it names and with no other."""
    issuer.keys.append(jwk("second"))
    async with running(issuer) as authenticator:
        assert await reason(authenticator, token("first", key_id="second")) == "bad_signature"


async def test_close_does_not_wait_for_a_hanging_issuer(issuer: Issuer) -> None:
    """The edge can stop while a fetch hangs, and whoever waited for it gets an answer."""
    keys = JsonWebKeySet(issuer.url)
    await keys.start()
    authenticator = Authenticator(keys, algorithms=["RS256"])
    issuer.hang()
    waiting = asyncio.create_task(reason(authenticator, token("second")))
    await issuer.wait_for_requests(2)
    async with asyncio.timeout(1):
        await keys.close()
        assert await waiting == "unknown_key"
