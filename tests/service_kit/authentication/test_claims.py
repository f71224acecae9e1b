"""The person whom a token names, and claims that name none."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_kit.authentication.claims import Principal
from service_kit.authentication.errors import AuthenticationError
from service_kit.text import is_name
from tests.service_kit.authentication.tokens import (
    NOW,
    assert_tells_nothing,
    claims,
    encoded,
    refusal,
    secret_authenticator,
    signed,
)


async def test_good_token_names_its_person() -> None:
    """The principal has the subject, the roles, the times and the id of the token."""
    token = signed(
        claims(roles=["moderator", "moderator", "support"], nbf=NOW, iat=NOW - 5, jti="one")
    )
    principal = await secret_authenticator().authenticate(token, NOW)
    roles = frozenset({"moderator", "support"})
    assert principal == Principal("alice", NOW + 60.0, roles, issued_at=NOW - 5.0, token_id="one")


async def test_when_a_token_was_issued_refuses_nothing() -> None:
    """The issuer's clock may be ahead of this one (RFC 7519, 4.1.6)."""
    principal = await secret_authenticator().authenticate(signed(claims(iat=NOW + 3_600)), NOW)
    assert principal.issued_at == NOW + 3_600


@pytest.mark.parametrize(("claim", "invisible"), [(True, True), (False, False), (None, False)])
async def test_a_token_may_make_invisible(claim: bool | None, invisible: bool) -> None:
    """True and false mean what they say; null is as good as absent."""
    principal = await secret_authenticator().authenticate(signed(claims(invisible=claim)), NOW)
    assert principal.invisible is invisible


@pytest.mark.parametrize("subject", ["a", "a" * 128, "Ünïcode 名前 😀", "user:42@example.com"])
async def test_subject_may_be_any_printable_text(subject: str) -> None:
    """Issuers choose their own ids; 1 to 128 printable characters of any script will do."""
    principal = await secret_authenticator().authenticate(signed(claims(sub=subject)), NOW)
    assert principal.user == subject
    assert principal.roles == frozenset()


async def test_times_may_have_fractions() -> None:
    """A NumericDate may be no integer (RFC 7519, 2); it counts to its fraction."""
    token = signed(claims(exp=NOW + 0.5))
    authenticator = secret_authenticator()
    assert (await authenticator.authenticate(token, NOW + 0.25)).expires_at == NOW + 0.5
    with pytest.raises(AuthenticationError, match="expired"):
        await authenticator.authenticate(token, NOW + 0.5)


async def test_leeway_moves_every_limit() -> None:
    """With a leeway of 5 s a token lives 5 s longer, begins 5 s earlier, and says so."""
    authenticator = secret_authenticator(leeway_seconds=5)
    principal = await authenticator.authenticate(signed(claims(exp=NOW - 4)), NOW)
    assert principal.expires_at == NOW + 1
    await authenticator.authenticate(signed(claims(nbf=NOW + 5, iat=NOW + 5)), NOW)
    assert (await refusal(authenticator, signed(claims(exp=NOW - 5)))).reason == "expired"
    assert (await refusal(authenticator, signed(claims(nbf=NOW + 6)))).reason == "not_yet_valid"


async def test_present_time_is_the_default() -> None:
    """Without a given time the clock of the machine decides."""
    authenticator = secret_authenticator()
    await authenticator.authenticate(signed(claims(exp=32_503_680_000)))
    with pytest.raises(AuthenticationError, match="expired"):
        await authenticator.authenticate(signed(claims(exp=1_000_000_000)))


def outcome(token: str) -> Principal | AuthenticationError:
    try:
        return asyncio.run(secret_authenticator().authenticate(token, NOW))
    except AuthenticationError as error:
        return error


def assert_refused(token: str) -> None:
    error = outcome(token)
    assert isinstance(error, AuthenticationError)
    assert_tells_nothing(error)


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80).map(lambda b: b.decode("latin-1"))))
def test_any_text_is_refused(token: str) -> None:
    """Arbitrary text is refused as it should be, and never ends in another exception."""
    assert_refused(token)


@given(st.lists(st.binary(min_size=1, max_size=60).map(encoded), min_size=3, max_size=3))
def test_any_three_parts_are_refused(parts: list[str]) -> None:
    """Arbitrary bytes in the form of a token are refused, and nothing of them is told."""
    assert_refused(".".join(parts))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    changes=st.dictionaries(
        st.sampled_from(["sub", "exp", "nbf", "iat", "iss", "aud", "jti", "roles", "invisible"]),
        json_values,
    ),
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "crit", "b64", "typ", "cty", "zip", "jwk"]), json_values
    ),
)
def test_any_signed_claims_give_a_valid_principal_or_a_refusal(
    changes: dict[str, Any], header: dict[str, Any]
) -> None:
    """Even with a right signature, strange claims and headers give a refusal and no crash."""
    token = signed(claims(**changes), header={"alg": "HS256"} | header)
    result = outcome(token)
    if isinstance(result, AuthenticationError):
        assert_tells_nothing(result)
    else:
        assert 1 <= len(result.user) <= 128
        assert is_name(result.user)
        assert result.expires_at > NOW
