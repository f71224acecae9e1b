"""Tokens that are refused, and the algorithms and settings under which they are good."""

import json
import math
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from service_kit.authentication.authenticator import Authenticator
from service_kit.authentication.errors import CLAIMS, MAXIMUM_TOKEN_LENGTH, REASONS
from service_kit.authentication.keys import FixedKeys
from service_kit.authentication.verification_keys import read_public_key
from tests.service_kit.authentication.tokens import (
    ABSENT,
    AUDIENCE,
    HMAC_HASHES,
    ISSUER,
    NOW,
    OTHER_SECRET,
    assert_tells_nothing,
    attackers_token,
    claims,
    encoded,
    public_der,
    public_jwk,
    public_pem,
    refusal,
    rsa_authenticator,
    rsa_key,
    secret_authenticator,
    signed,
    unsigned,
    with_header,
    with_payload_of,
    with_signature,
)

WRONG_FOR_SECRET: dict[str, tuple[str, Callable[[], str]]] = {
    "alg none": ("algorithm_not_allowed", lambda: unsigned("none")),
    "alg None": ("algorithm_not_allowed", lambda: unsigned("None")),
    "alg NONE": ("algorithm_not_allowed", lambda: unsigned("NONE")),
    "alg nOnE": ("algorithm_not_allowed", lambda: unsigned("nOnE")),
    "alg none, signed": ("algorithm_not_allowed", lambda: with_header(alg="none")),
    "alg empty": ("algorithm_not_allowed", lambda: with_header(alg="")),
    "alg absent": ("algorithm_not_allowed", lambda: signed(claims(), header={"typ": "JWT"})),
    "alg null": ("algorithm_not_allowed", lambda: with_header(alg=None)),
    "alg a list": ("algorithm_not_allowed", lambda: with_header(alg=["HS256"])),
    "alg an object": ("algorithm_not_allowed", lambda: with_header(alg={"HS256": 1})),
    "alg in lower case": ("algorithm_not_allowed", lambda: with_header(alg="hs256")),
    "alg not on the list": ("algorithm_not_allowed", lambda: with_header(alg="HS512")),
    "alg of another key type": ("algorithm_not_allowed", attackers_token),
    "unknown crit": ("bad_header", lambda: with_header(crit=["exp2"], exp2=1)),
    "crit that names b64": ("bad_header", lambda: with_header(crit=["b64"], b64=True)),
    "crit empty": ("bad_header", lambda: with_header(crit=[])),
    "crit no list": ("bad_header", lambda: with_header(crit="b64")),
    "b64 true": ("bad_header", lambda: with_header(b64=True)),
    "b64 false": ("bad_header", lambda: with_header(b64=False)),
    "kid a number": ("bad_header", lambda: with_header(kid=7)),
    "iss wrong": ("wrong_issuer", lambda: signed(claims(iss="https://issuer.example.evil"))),
    "iss with a slash more": ("wrong_issuer", lambda: signed(claims(iss=ISSUER + "/"))),
    "iss missing": ("missing_claim", lambda: signed(claims(iss=ABSENT))),
    "iss null": ("wrong_issuer", lambda: signed(claims(iss=None))),
    "iss a list": ("wrong_issuer", lambda: signed(claims(iss=[ISSUER]))),
    "aud wrong": ("wrong_audience", lambda: signed(claims(aud="parley-admin"))),
    "aud missing": ("missing_claim", lambda: signed(claims(aud=ABSENT))),
    "aud empty": ("missing_claim", lambda: signed(claims(aud=[]))),
    "aud of others": ("wrong_audience", lambda: signed(claims(aud=["one", "two"]))),
    "aud a number": ("wrong_audience", lambda: signed(claims(aud=7))),
    "aud with a number": ("wrong_audience", lambda: signed(claims(aud=[AUDIENCE, 7]))),
    "exp missing": ("missing_claim", lambda: signed(claims(exp=ABSENT))),
    "exp null": ("missing_claim", lambda: signed(claims(exp=None))),
    "expired by a second": ("expired", lambda: signed(claims(exp=NOW - 1))),
    "expires now": ("expired", lambda: signed(claims(exp=NOW))),
    "exp zero": ("expired", lambda: signed(claims(exp=0))),
    "exp a string": ("invalid_claim", lambda: signed(claims(exp=str(NOW + 60)))),
    "exp true": ("invalid_claim", lambda: signed(claims(exp=True))),
    "exp a list": ("invalid_claim", lambda: signed(claims(exp=[NOW + 60]))),
    "exp negative": ("invalid_claim", lambda: signed(claims(exp=-1))),
    "exp in milliseconds": ("invalid_claim", lambda: signed(claims(exp=NOW * 1000))),
    "exp NaN": ("invalid_claim", lambda: signed(claims(exp=math.nan))),
    "exp infinite": ("invalid_claim", lambda: signed(claims(exp=math.inf))),
    "exp beyond a float": ("invalid_claim", lambda: signed(claims(exp=10**400))),
    "exp of 5000 digits": (
        "malformed_token",
        lambda: signed(b'{"sub": "alice", "exp": ' + b"9" * 5000 + b"}"),
    ),
    "nbf in the future": ("not_yet_valid", lambda: signed(claims(nbf=NOW + 1))),
    "nbf a string": ("invalid_claim", lambda: signed(claims(nbf=str(NOW)))),
    "iat a string": ("invalid_claim", lambda: signed(claims(iat=str(NOW)))),
    "iat true": ("invalid_claim", lambda: signed(claims(iat=True))),
    "jti a number": ("invalid_claim", lambda: signed(claims(jti=7))),
    "jti empty": ("invalid_claim", lambda: signed(claims(jti=""))),
    "jti of 129 characters": ("invalid_claim", lambda: signed(claims(jti="a" * 129))),
    "jti with NUL": ("invalid_claim", lambda: signed(claims(jti="a\0"))),
    "sub missing": ("missing_claim", lambda: signed(claims(sub=ABSENT))),
    "sub null": ("bad_subject", lambda: signed(claims(sub=None))),
    "sub empty": ("bad_subject", lambda: signed(claims(sub=""))),
    "sub a number": ("bad_subject", lambda: signed(claims(sub=7))),
    "sub a list": ("bad_subject", lambda: signed(claims(sub=["alice"]))),
    "sub of 129 characters": ("bad_subject", lambda: signed(claims(sub="a" * 129))),
    "sub with NUL": ("bad_subject", lambda: signed(claims(sub="alice\0"))),
    "sub with a newline": ("bad_subject", lambda: signed(claims(sub="alice\nbob"))),
    "sub with DEL": ("bad_subject", lambda: signed(claims(sub="alice\x7f"))),
    "sub with a C1 control": ("bad_subject", lambda: signed(claims(sub="alice\x85"))),
    "sub turning the text": ("bad_subject", lambda: signed(claims(sub="\u202eecila"))),
    "sub with zero width": ("bad_subject", lambda: signed(claims(sub="ali\u200bce"))),
    "sub with half a pair": ("bad_subject", lambda: signed(claims(sub="\ud800"))),
    "roles a string": ("invalid_claim", lambda: signed(claims(roles="moderator"))),
    "roles an object": ("invalid_claim", lambda: signed(claims(roles={"moderator": True}))),
    "roles with a number": ("invalid_claim", lambda: signed(claims(roles=["moderator", 7]))),
    "roles with an empty one": ("invalid_claim", lambda: signed(claims(roles=[""]))),
    "too many roles": ("invalid_claim", lambda: signed(claims(roles=[f"r{n}" for n in range(33)]))),
    "too long a role": ("invalid_claim", lambda: signed(claims(roles=["r" * 65]))),
    "roles with a control": ("invalid_claim", lambda: signed(claims(roles=["a\nb"]))),
    "invisible a string": ("invalid_claim", lambda: signed(claims(invisible="true"))),
    "invisible a number": ("invalid_claim", lambda: signed(claims(invisible=1))),
    "signature empty": ("bad_signature", lambda: signed(claims()).rpartition(".")[0] + "."),
    "signature cut": ("bad_signature", lambda: with_signature(b"only a part")),
    "signature too long": ("bad_signature", lambda: with_signature(b"x" * 64)),
    "signature of another": ("bad_signature", lambda: signed(claims(), secret=OTHER_SECRET)),
    "payload swapped": (
        "bad_signature",
        lambda: with_payload_of(signed(claims()), signed(claims(sub="bob"))),
    ),
    "embedded symmetric jwk": (
        "bad_signature",
        lambda: signed(
            claims(),
            header={"alg": "HS256", "jwk": {"kty": "oct", "k": encoded(OTHER_SECRET)}},
            secret=OTHER_SECRET,
        ),
    ),
    "empty": ("malformed_token", lambda: ""),
    "one part": ("malformed_token", lambda: encoded(b"alice")),
    "two parts": ("malformed_token", lambda: signed(claims()).rpartition(".")[0]),
    "four parts": ("malformed_token", lambda: signed(claims()) + ".AAAA"),
    "five parts, as a JWE": ("malformed_token", lambda: signed(claims()) + ".AAAA.AAAA"),
    "truncated in the payload": ("malformed_token", lambda: signed(claims())[:60]),
    "not base64": ("malformed_token", lambda: "!!!!.????.****"),
    "impossible base64 length": (
        "malformed_token",
        lambda: "A." + signed(claims()).split(".", 1)[1],
    ),
    "padded": ("malformed_token", lambda: signed(claims()) + "="),
    "with a space before": ("malformed_token", lambda: " " + signed(claims())),
    "with a newline behind": ("malformed_token", lambda: signed(claims()) + "\n"),
    "not ASCII": ("malformed_token", lambda: signed(claims()) + "é"),
    "digits of another script": ("malformed_token", lambda: signed(claims()) + "٣٣٣٣"),
    "half a pair": ("malformed_token", lambda: signed(claims()) + "\udc80"),
    "huge": ("token_too_long", lambda: signed(claims(filler="x" * MAXIMUM_TOKEN_LENGTH))),
    "header no object": ("malformed_token", lambda: signed(claims(), header=b'["HS256"]')),
    "header no JSON": ("malformed_token", lambda: signed(claims(), header=b"{alg")),
    "header no UTF-8": ("malformed_token", lambda: signed(claims(), header=b"\xff\xfe\xfd")),
    "header nested deeply": ("malformed_token", lambda: signed(claims(), header=b"[" * 5000)),
    "payload no object": ("malformed_token", lambda: signed(b'["alice"]')),
    "payload no JSON": ("malformed_token", lambda: signed(b"alice")),
    "payload empty": ("malformed_token", lambda: signed(b"")),
    "payload nested deeply": ("malformed_token", lambda: signed(b"[" * 5000)),
}
WRONG_FOR_RSA: dict[str, tuple[str, Callable[[], str]]] = {
    "HS256 with the public PEM": (
        "algorithm_not_allowed",
        lambda: signed(claims(), secret=public_pem(rsa_key())),
    ),
    "HS256 with the public PEM, trimmed": (
        "algorithm_not_allowed",
        lambda: signed(claims(), secret=public_pem(rsa_key()).strip()),
    ),
    "HS256 with the public DER": (
        "algorithm_not_allowed",
        lambda: signed(claims(), secret=public_der()),
    ),
    "HS256 with the JWK": (
        "algorithm_not_allowed",
        lambda: signed(claims(), secret=json.dumps(public_jwk(rsa_key())).encode()),
    ),
    "HS256 with the empty secret": ("algorithm_not_allowed", lambda: signed(claims(), secret=b"")),
    "alg none": ("algorithm_not_allowed", lambda: unsigned("none")),
    "RS512, which is not allowed": (
        "algorithm_not_allowed",
        lambda: jwt.encode(claims(), rsa_key(), algorithm="RS512"),
    ),
    "another key": ("bad_signature", attackers_token),
    "embedded jwk of the attacker": (
        "bad_signature",
        lambda: attackers_token(jwk=public_jwk(rsa_key("attacker"))),
    ),
    "embedded x5c of the attacker": ("bad_signature", lambda: attackers_token(x5c=["MIIB"])),
    "jku and x5u of the attacker": (
        "bad_signature",
        lambda: attackers_token(jku="http://127.0.0.1:9/", x5u="http://127.0.0.1:9/"),
    ),
    "kid that climbs folders": (
        "bad_signature",
        lambda: attackers_token(kid="../../../../dev/null"),
    ),
    "RS256 with an HMAC": ("bad_signature", lambda: with_header(alg="RS256")),
    "PS256 signature under RS256": (
        "bad_signature",
        lambda: ".".join(
            [
                *signed(claims(), header={"alg": "RS256"}).split(".")[:2],
                jwt.encode(claims(), rsa_key(), algorithm="PS256").split(".")[2],
            ]
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG_FOR_SECRET)
async def test_wrong_token_is_refused_with_a_secret(name: str) -> None:
    """Each wrong token is refused for its own reason, in words that tell nothing of it."""
    reason, make = WRONG_FOR_SECRET[name]
    error = await refusal(secret_authenticator(), make())
    assert error.reason == reason
    assert_tells_nothing(error)
    claim = name.split(maxsplit=1)[0]
    if reason in {"missing_claim", "invalid_claim"} and claim in CLAIMS:
        assert error.claim == claim
        assert f"{claim} must be {CLAIMS[claim]}" in str(error)


@pytest.mark.parametrize("name", WRONG_FOR_RSA)
async def test_wrong_token_is_refused_with_a_public_key(name: str) -> None:
    """A public key verifies signatures only: it is no secret, and no header brings another."""
    reason, make = WRONG_FOR_RSA[name]
    error = await refusal(rsa_authenticator(), make())
    assert error.reason == reason
    assert_tells_nothing(error)


async def test_audience_may_be_one_of_several() -> None:
    """A token for several audiences is meant for each of them."""
    await secret_authenticator().authenticate(signed(claims(aud=["other", AUDIENCE])), NOW)


async def test_issuer_and_audience_count_when_set() -> None:
    """Unset, any issuer will do; yet a token meant for an audience is meant for that one only."""
    authenticator = secret_authenticator(issuer=None, audience=None)
    await authenticator.authenticate(signed(claims(iss="anyone", aud=ABSENT)), NOW)
    await authenticator.authenticate(signed(claims(iss=ABSENT, aud=ABSENT)), NOW)
    assert (await refusal(authenticator, signed(claims()))).reason == "wrong_audience"


@pytest.mark.parametrize(
    ("algorithm", "make_key"),
    [
        ("RS256", rsa_key),
        ("RS384", rsa_key),
        ("RS512", rsa_key),
        ("PS256", rsa_key),
        ("PS384", rsa_key),
        ("PS512", rsa_key),
        ("ES256", lambda: ec.generate_private_key(ec.SECP256R1())),
        ("ES384", lambda: ec.generate_private_key(ec.SECP384R1())),
        ("ES512", lambda: ec.generate_private_key(ec.SECP521R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate),
    ],
)
async def test_every_algorithm_of_public_keys_works(
    algorithm: str, make_key: Callable[[], Any]
) -> None:
    """A key verifies what its private half has signed, with each algorithm of its type."""
    key = make_key()
    authenticator = Authenticator(
        FixedKeys([read_public_key(public_pem(key))]), algorithms=[algorithm], audience=AUDIENCE
    )
    token = jwt.encode(claims(), key, algorithm=algorithm)
    assert (await authenticator.authenticate(token, NOW)).user == "alice"


@pytest.mark.parametrize("algorithm", HMAC_HASHES)
async def test_every_algorithm_of_secrets_works(algorithm: str) -> None:
    """A long secret serves all three HMACs."""
    authenticator = secret_authenticator(algorithms=[algorithm])
    token = signed(claims(), header={"alg": algorithm})
    assert (await authenticator.authenticate(token, NOW)).user == "alice"


async def test_without_a_list_the_key_decides() -> None:
    """An empty allow-list means what the type of the key allows: a secret HMACs, and no more."""
    authenticator = secret_authenticator(algorithms=[])
    for algorithm in HMAC_HASHES:
        await authenticator.authenticate(signed(claims(), header={"alg": algorithm}), NOW)
    for wrong in (attackers_token(), unsigned("none")):
        assert (await refusal(authenticator, wrong)).reason == "algorithm_not_allowed"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"algorithms": ["none"]}, "unsafe"),
        ({"algorithms": ["HS256", "HS1"]}, "HS1"),
        ({"algorithms": ["RS256"]}, "fits the key"),
        ({"issuer": ""}, "empty"),
        ({"audience": ""}, "empty"),
        ({"leeway_seconds": -1}, "leeway"),
        ({"leeway_seconds": math.nan}, "leeway"),
        ({"leeway_seconds": math.inf}, "leeway"),
    ],
)
def test_unsafe_settings_are_refused(settings: dict[str, Any], problem: str) -> None:
    """An authenticator that could check nothing, or too little, is never made."""
    with pytest.raises(ValueError, match=problem):
        secret_authenticator(**settings)


def test_every_reason_has_words() -> None:
    """The reasons that tests expect are those of the table, and each has a sentence."""
    expected = {reason for reason, _ in (WRONG_FOR_SECRET | WRONG_FOR_RSA).values()}
    assert expected <= set(REASONS)
    assert all(text.endswith(".") for text in REASONS.values())
