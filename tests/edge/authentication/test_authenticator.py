"""Who may come in: the places a token may stand in, and the tokens that are refused."""

import asyncio
import base64
import hashlib
import hmac
import json
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from edge.authentication.authenticator import (
    MAXIMUM_TOKEN_LENGTH,
    REASONS,
    AuthenticationError,
    Authenticator,
    Principal,
    find_token,
)
from edge.authentication.keys import PublicKey, SecretKey

NOW = 1_800_000_000
SECRET = b"the secret that issuer and edge share, 64 bytes so that HS512 fits"
OTHER_SECRET = b"a secret of somebody else, and just as long as the one of the issuer"
ISSUER = "https://issuer.example"
AUDIENCE = "parley"
ABSENT = object()
HMAC_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, with changes; ABSENT takes a claim away."""
    good = {"sub": "alice", "exp": NOW + 60, "iss": ISSUER, "aud": AUDIENCE}
    return {name: value for name, value in (good | changes).items() if value is not ABSENT}


def signed(
    payload: dict[str, Any] | bytes,
    *,
    header: dict[str, Any] | bytes | None = None,
    secret: bytes = SECRET,
) -> str:
    """A token with an HMAC over whatever is given, as no careful library would make it."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    header_bytes = header if isinstance(header, bytes) else json.dumps(header).encode()
    payload_bytes = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signing_input = f"{encoded(header_bytes)}.{encoded(payload_bytes)}"
    algorithm = header.get("alg") if isinstance(header, dict) else None
    digest = HMAC_HASHES.get(algorithm if isinstance(algorithm, str) else "", hashlib.sha256)
    return f"{signing_input}.{encoded(hmac.digest(secret, signing_input.encode(), digest))}"


def with_header(**header: Any) -> str:
    return signed(claims(), header={"alg": "HS256"} | header)


def unsigned(algorithm: str) -> str:
    return signed(claims(), header={"alg": algorithm}).rpartition(".")[0] + "."


def with_payload_of(token: str, other: str) -> str:
    header, _, signature = token.split(".")
    return ".".join([header, other.split(".")[1], signature])


def with_signature(signature: bytes) -> str:
    return f"{signed(claims()).rpartition('.')[0]}.{encoded(signature)}"


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def attacker_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def public_der() -> bytes:
    return rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_jwk(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)


def attackers_token(**header: Any) -> str:
    return jwt.encode(claims(), attacker_key(), algorithm="RS256", headers=header)


def secret_authenticator(**changes: Any) -> Authenticator:
    settings = {"algorithms": ["HS256"], "issuer": ISSUER, "audience": AUDIENCE}
    return Authenticator(SecretKey(SECRET), **settings | changes)


def rsa_authenticator() -> Authenticator:
    # HS256 is allowed on purpose: the type of the key alone must keep it out.
    return Authenticator(
        PublicKey(public_pem(rsa_key())),
        algorithms=["HS256", "RS256"],
        issuer=ISSUER,
        audience=AUDIENCE,
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
    "b64 false": ("malformed_token", lambda: with_header(b64=False)),
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
    "iat in the future": ("not_yet_valid", lambda: signed(claims(iat=NOW + 1))),
    "iat a string": ("invalid_claim", lambda: signed(claims(iat=str(NOW)))),
    "jti a number": ("invalid_claim", lambda: signed(claims(jti=7))),
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
        lambda: attackers_token(jwk=public_jwk(attacker_key())),
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


async def refusal(authenticator: Authenticator, token: str) -> AuthenticationError:
    with pytest.raises(AuthenticationError) as caught:
        await authenticator.authenticate(token, NOW)
    return caught.value


def assert_tells_nothing(error: AuthenticationError) -> None:
    """All that the error and its traceback show is a fixed sentence, so no part of a token."""
    assert error.args == (REASONS[error.reason],)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("name", WRONG_FOR_SECRET)
async def test_wrong_token_is_refused_with_a_secret(name: str) -> None:
    """Each wrong token is refused for its own reason, in words that tell nothing of it."""
    reason, make = WRONG_FOR_SECRET[name]
    error = await refusal(secret_authenticator(), make())
    assert error.reason == reason
    assert_tells_nothing(error)


@pytest.mark.parametrize("name", WRONG_FOR_RSA)
async def test_wrong_token_is_refused_with_a_public_key(name: str) -> None:
    """A public key verifies signatures only: it is no secret, and no header brings another."""
    reason, make = WRONG_FOR_RSA[name]
    error = await refusal(rsa_authenticator(), make())
    assert error.reason == reason
    assert_tells_nothing(error)


async def test_good_token_names_its_person() -> None:
    """The principal has the subject, the roles and the time of expiry."""
    token = signed(claims(roles=["moderator", "moderator", "support"], nbf=NOW, iat=NOW - 5))
    principal = await secret_authenticator().authenticate(token, NOW)
    assert principal == Principal("alice", NOW + 60.0, frozenset({"moderator", "support"}))


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
        PublicKey(public_pem(key)), algorithms=[algorithm], audience=AUDIENCE
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


HEADER = (b"authorization", b"Bearer from-header")
COOKIE = (b"cookie", b"theme=dark; token=from-cookie; lang=de")
QUERY = b"resume=abc&token=from-query"
OFFERS = ["parley.v1.json", "parley.bearer.from-offer"]


@pytest.mark.parametrize(
    ("headers", "query", "offers", "expected"),
    [
        ([COOKIE, HEADER], QUERY, OFFERS, "from-header"),
        ([COOKIE], QUERY, OFFERS, "from-cookie"),
        ([(b"cookie", b"theme=dark")], QUERY, OFFERS, "from-query"),
        ([], b"resume=abc", OFFERS, "from-offer"),
        ([(b"Authorization", b"bearer  from-header ")], b"", [], "from-header"),
        ([HEADER, HEADER], b"", [], "from-header"),
        ([(b"cookie", b"a=b"), COOKIE], b"", [], "from-cookie"),
        ([(b"cookie", b'token="from-cookie"')], b"", [], "from-cookie"),
        ([(b"cookie", b"token=a=b")], b"", [], "a=b"),
        ([], b"token=from%2Dquery&token=from-query", [], "from-query"),
    ],
)
def test_first_place_with_a_token_decides(
    headers: list[tuple[bytes, bytes]], query: bytes, offers: list[str], expected: str
) -> None:
    """Header, then cookie, then parameter, then subprotocol; equal copies are one token."""
    assert find_token(headers, query, offers) == expected


@pytest.mark.parametrize(
    ("headers", "query", "offers", "reason"),
    [
        ([], b"", [], "missing_token"),
        ([], b"tokens=x&xtoken=y&Token=z&%74oken=e", ["parley.v1.json"], "missing_token"),
        ([(b"cookie", b"xtoken=a; Token=b; token2=c")], b"", [], "missing_token"),
        ([(b"authorization", b"Basic YWxpY2U6eA=="), COOKIE], QUERY, OFFERS, "unsupported_scheme"),
        ([(b"authorization", b"")], QUERY, OFFERS, "unsupported_scheme"),
        ([(b"authorization", b"Bearerx")], QUERY, OFFERS, "unsupported_scheme"),
        ([(b"authorization", b"from-header")], QUERY, OFFERS, "unsupported_scheme"),
        ([(b"authorization", b"Bearer"), COOKIE], QUERY, OFFERS, "malformed_token"),
        ([(b"authorization", b"Bearer   "), COOKIE], QUERY, OFFERS, "malformed_token"),
        ([(b"authorization", b"Bearer \xff\xfe")], QUERY, OFFERS, "malformed_token"),
        ([HEADER, (b"authorization", b"Bearer other")], b"", [], "several_tokens"),
        ([HEADER, (b"authorization", b"Basic YWxpY2U6eA==")], b"", [], "unsupported_scheme"),
        ([(b"cookie", b"token=")], QUERY, OFFERS, "malformed_token"),
        ([(b"cookie", b"token")], QUERY, OFFERS, "malformed_token"),
        ([(b"cookie", b"token=a; token=b")], QUERY, OFFERS, "several_tokens"),
        ([(b"cookie", b"token=a"), (b"cookie", b"token=b")], QUERY, OFFERS, "several_tokens"),
        ([], b"token=", OFFERS, "malformed_token"),
        ([], b"token=%ff", OFFERS, "malformed_token"),
        ([], b"token=a&token=b", OFFERS, "several_tokens"),
        ([], b"", ["parley.bearer."], "malformed_token"),
        ([], b"", ["parley.bearer.a", "parley.bearer.b"], "several_tokens"),
    ],
)
def test_hostile_places_are_refused(
    headers: list[tuple[bytes, bytes]], query: bytes, offers: list[str], reason: str
) -> None:
    """A bad token in one place is never made up for by another place."""
    with pytest.raises(AuthenticationError) as caught:
        find_token(headers, query, offers)
    assert caught.value.reason == reason


name_of_header = st.sampled_from([b"authorization", b"Authorization", b"cookie", b"origin"])
value_of_header = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda data: b"Bearer " + data),
    st.binary(max_size=60).map(lambda data: b"token=" + data),
)


@given(
    headers=st.lists(st.tuples(name_of_header, value_of_header), max_size=4),
    query=st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda q: b"token=" + q)),
    offers=st.lists(st.text(max_size=30).map(lambda text: "parley.bearer." + text), max_size=2),
)
def test_any_request_gives_a_token_or_a_refusal(
    headers: list[tuple[bytes, bytes]], query: bytes, offers: list[str]
) -> None:
    """Whatever bytes a request has: a token that is not empty, or a refusal from the table."""
    try:
        token = find_token(headers, query, offers)
    except AuthenticationError as error:
        assert_tells_nothing(error)
        return
    assert token
    assert token.isascii()


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
        assert result.user.isprintable()
        assert result.expires_at > NOW
