"""Which keys are taken, and for which algorithms."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from service_kit.authentication.verification_keys import (
    RSA_ALGORITHMS,
    KeyDocumentError,
    VerificationKey,
    read_key_set,
    read_public_key,
    read_secret,
)
from tests.service_kit.authentication.tokens import public_jwk, public_pem, rsa_key


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def rsa_jwk(**changes: Any) -> dict[str, Any]:
    return public_jwk(rsa_key()) | {"kid": "good"} | changes


def key_set(*keys: Any, maximum_keys: int = 10) -> tuple[VerificationKey, ...]:
    return read_key_set(json.dumps({"keys": keys}).encode(), maximum_keys=maximum_keys)


@pytest.mark.parametrize(
    ("length", "algorithms"),
    [
        (32, {"HS256"}),
        (47, {"HS256"}),
        (48, {"HS256", "HS384"}),
        (64, {"HS256", "HS384", "HS512"}),
    ],
)
def test_secret_serves_the_hashes_it_is_long_enough_for(length: int, algorithms: set[str]) -> None:
    """A secret must have as many bytes as the hash (RFC 7518, 3.2)."""
    assert read_secret(b"s" * length).algorithms == algorithms


@pytest.mark.parametrize("secret", [b"", b"secret", b"s" * 31])
def test_short_secret_is_refused(secret: bytes) -> None:
    """A secret that can be guessed protects nothing."""
    with pytest.raises(KeyDocumentError, match="at least 32"):
        read_secret(secret)


def test_public_key_is_no_secret() -> None:
    """A public key or JWK given as the secret, which everyone knows, is refused at the start."""
    for published in (public_pem(rsa_key()), json.dumps(rsa_jwk()).encode()):
        with pytest.raises(KeyDocumentError, match="public key"):
            read_secret(published)


def test_secret_does_not_show() -> None:
    """The text of a key, as it might stand in a log, holds no secret."""
    assert "sss" not in repr(read_secret(b"s" * 32))


@pytest.mark.parametrize(
    ("make_key", "algorithms"),
    [
        (rsa_key, RSA_ALGORITHMS),
        (lambda: ec.generate_private_key(ec.SECP256R1()), {"ES256"}),
        (lambda: ec.generate_private_key(ec.SECP384R1()), {"ES384"}),
        (lambda: ec.generate_private_key(ec.SECP521R1()), {"ES512"}),
        (ed25519.Ed25519PrivateKey.generate, {"EdDSA"}),
    ],
    ids=["RSA", "P-256", "P-384", "P-521", "Ed25519"],
)
def test_public_key_serves_the_algorithms_of_its_type(
    make_key: Callable[[], Any], algorithms: set[str]
) -> None:
    """The type and the curve decide, and no HMAC is ever among them."""
    assert read_public_key(public_pem(make_key())).algorithms == algorithms


@pytest.mark.parametrize(
    ("make_pem", "problem"),
    [
        (lambda: b"", "exactly one key"),
        (lambda: b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no readable"),
        (lambda: public_pem(rsa_key()) * 2, "exactly one key"),
        (lambda: private_pem(rsa_key()), "private key"),
        (lambda: public_pem(rsa_key(bits=1024)), "2048 to 8192 bits"),
        (lambda: public_pem(ec.generate_private_key(ec.SECP256K1())), "curve"),
        (lambda: public_pem(ed448.Ed448PrivateKey.generate()), "not supported"),
        (lambda: public_pem(x25519.X25519PrivateKey.generate()), "not supported"),
        (lambda: public_pem(dsa.generate_private_key(2048)), "not supported"),
    ],
    ids=["empty", "garbage", "two", "private", "1024 bits", "secp256k1", "Ed448", "X25519", "DSA"],
)
def test_unsuitable_public_key_is_refused(make_pem: Callable[[], bytes], problem: str) -> None:
    """What cannot verify tokens safely is refused at the start, with the problem."""
    with pytest.raises(KeyDocumentError, match=problem):
        read_public_key(make_pem())


def test_key_set_gives_its_keys() -> None:
    """Each key has its kid, and the algorithms of its type or the one that it states."""
    curve_jwk = ECAlgorithm.to_jwk(
        ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True
    )
    edwards_jwk = OKPAlgorithm.to_jwk(
        ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True
    )
    keys = key_set(rsa_jwk(), rsa_jwk(kid="b", alg="PS384", use="sig"), curve_jwk, edwards_jwk)
    assert [(key.key_id, key.algorithms) for key in keys] == [
        ("good", RSA_ALGORITHMS),
        ("b", {"PS384"}),
        (None, {"ES384"}),
        (None, {"EdDSA"}),
    ]


UNUSABLE: dict[str, Callable[[], Any]] = {
    "use enc": lambda: rsa_jwk(use="enc"),
    "use a number": lambda: rsa_jwk(use=7),
    "key_ops encrypt": lambda: rsa_jwk(key_ops=["encrypt"]),
    "key_ops a string": lambda: rsa_jwk(key_ops="verify"),
    "alg for encryption": lambda: rsa_jwk(alg="RSA-OAEP"),
    "alg HS256": lambda: rsa_jwk(alg="HS256"),
    "alg of another type": lambda: rsa_jwk(alg="ES256"),
    "alg none": lambda: rsa_jwk(alg="none"),
    "alg a list": lambda: rsa_jwk(alg=["RS256"]),
    "kid a number": lambda: rsa_jwk(kid=7),
    "kty of another type": lambda: rsa_jwk(kty="EC"),
    "kty unknown": lambda: rsa_jwk(kty="unknown"),
    "kty a list": lambda: rsa_jwk(kty=["RSA"]),
    "n not base64": lambda: rsa_jwk(n="!"),
    "n a number": lambda: rsa_jwk(n=7),
    "n null": lambda: rsa_jwk(n=None),
    "e one": lambda: rsa_jwk(e="AQ"),
    "private": lambda: RSAAlgorithm.to_jwk(rsa_key(), as_dict=True),
    "1024 bits": lambda: public_jwk(rsa_key(bits=1024)),
    "symmetric": lambda: {"kty": "oct", "kid": "good", "k": "c" * 64},
    "symmetric for HS256": lambda: {"kty": "oct", "k": "c" * 64, "alg": "HS256", "use": "sig"},
    "point not on the curve": lambda: {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
    "curve without a point": lambda: {"kty": "EC", "crv": "P-256"},
    "X25519": lambda: {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
    "empty": dict,
    "a list": list,
    "null": lambda: None,
    "a string": lambda: "key",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_key_of_a_set_is_left_out(name: str) -> None:
    """It harms no other key, and alone it makes no set."""
    unusable = UNUSABLE[name]()
    assert [key.key_id for key in key_set(unusable, rsa_jwk(kid="other"))] == ["other"]
    with pytest.raises(KeyDocumentError, match="no key that may verify"):
        key_set(unusable)


@pytest.mark.parametrize(
    "document",
    [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}'],
    ids=lambda document: repr(document[:20]),
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    """An issuer that answers nonsense gives no keys, and no other exception."""
    with pytest.raises(KeyDocumentError):
        read_key_set(document, maximum_keys=10)


def test_number_of_keys_is_limited() -> None:
    """Ten keys are taken where ten are allowed, and eleven are refused as a whole."""
    assert len(key_set(*[rsa_jwk()] * 10)) == 10
    with pytest.raises(KeyDocumentError, match="more than 10"):
        key_set(*[rsa_jwk()] * 11)


values = st.one_of(st.none(), st.integers(), st.text(max_size=60), st.lists(st.text(), max_size=2))


@given(
    changes=st.dictionaries(
        st.sampled_from(["n", "e", "x", "y", "kty", "crv", "alg", "use", "key_ops", "kid"]), values
    ),
    make_base=st.sampled_from([rsa_jwk, lambda: {"kty": "EC", "crv": "P-256"}, dict]),
)
def test_any_key_is_taken_or_left_out(
    changes: dict[str, Any], make_base: Callable[[], dict[str, Any]]
) -> None:
    """Strange members of a key end in its being left out, never in another exception."""
    keys = key_set(make_base() | changes, rsa_jwk(kid="other"))
    assert keys[-1].key_id == "other"
    assert len(keys) <= 2
