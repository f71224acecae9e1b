"""Tokens, good and spoiled, and the authenticators that judge them."""

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service_kit.authentication.authenticator import Authenticator
from service_kit.authentication.errors import CLAIMS, AuthenticationError
from service_kit.authentication.keys import FixedKeys
from service_kit.authentication.verification_keys import read_public_key, read_secret

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
def rsa_key(name: str = "issuer", bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key for each name, made when it is first asked for."""
    return rsa.generate_private_key(65537, bits)


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def public_der() -> bytes:
    return rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_jwk(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    jwk: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwk


def attackers_token(**header: Any) -> str:
    return jwt.encode(claims(), rsa_key("attacker"), algorithm="RS256", headers=header)


def secret_authenticator(**changes: Any) -> Authenticator:
    settings = {"algorithms": ["HS256"], "issuer": ISSUER, "audience": AUDIENCE}
    return Authenticator(FixedKeys([read_secret(SECRET)]), **settings | changes)


def rsa_authenticator() -> Authenticator:
    # HS256 is allowed on purpose: the type of the key alone must keep it out.
    return Authenticator(
        FixedKeys([read_public_key(public_pem(rsa_key()))]),
        algorithms=["HS256", "RS256"],
        issuer=ISSUER,
        audience=AUDIENCE,
    )


async def refusal(authenticator: Authenticator, token: str) -> AuthenticationError:
    with pytest.raises(AuthenticationError) as caught:
        await authenticator.authenticate(token, NOW)
    return caught.value


def assert_tells_nothing(error: AuthenticationError) -> None:
    """All that the error and its traceback show are fixed sentences, so no part of a token."""
    texts = {str(AuthenticationError(error.reason, claim)) for claim in (None, *CLAIMS)}
    assert len(error.args) == 1
    assert error.args[0] in texts
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
