"""A key that verifies tokens, and the algorithms that its own type permits. No I/O.

The algorithms follow from the key and never from a token, so that an RSA public key can never
serve as an HMAC secret (RFC 8725, 3.1).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import HMACAlgorithm, get_default_algorithms

Material = bytes | RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_ALGORITHMS = get_default_algorithms()

# The least length of a secret in bytes: that of the hash (RFC 7518, 3.2).
SECRET_ALGORITHMS = {"HS256": 32, "HS384": 48, "HS512": 64}
RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
# Each ECDSA algorithm has its own curve (RFC 7518, 3.4).
CURVE_ALGORITHMS = {
    "secp256r1": frozenset({"ES256"}),
    "secp384r1": frozenset({"ES384"}),
    "secp521r1": frozenset({"ES512"}),
}
EDWARDS_ALGORITHMS = frozenset({"EdDSA"})
ASYMMETRIC_ALGORITHMS = RSA_ALGORITHMS.union(EDWARDS_ALGORITHMS, *CURVE_ALGORITHMS.values())
KNOWN_ALGORITHMS = ASYMMETRIC_ALGORITHMS.union(SECRET_ALGORITHMS)

# Below 2048 bits a key is weak (RFC 7518, 3.3); beyond 8192 each verification costs milliseconds,
# and that on the event loop.
_RSA_BITS = range(2048, 8192 + 1)
# PyJWT builds a JWK for one algorithm; any one of the type gives the same key object.
_ANY_ALGORITHM_OF_TYPE = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}


class KeyDocumentError(ValueError):
    """A key or a set of keys cannot be used; the text says why and holds no key material."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One key. `algorithms` are all it may verify; `key_id` is the `kid` of a JWK, if any."""

    material: Material = field(repr=False)
    algorithms: frozenset[str]
    key_id: str | None = None

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Tell whether a signature was made of these bytes with this key, by one of its algorithms.

        The material needs no preparation, for it was checked when the key was made.
        """
        return _ALGORITHMS[algorithm].verify(signed, self.material, signature)


def read_secret(secret: bytes) -> VerificationKey:
    """Make a key of a shared secret: HS256 from 32 bytes, HS384 from 48, HS512 from 64.

    Raises KeyDocumentError for a shorter secret, and for a public key given in its place.
    """
    algorithms = frozenset(
        name for name, least_bytes in SECRET_ALGORITHMS.items() if len(secret) >= least_bytes
    )
    if not algorithms:
        raise KeyDocumentError(f"the token secret has {len(secret)} bytes and needs at least 32")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError:
        raise KeyDocumentError("the token secret is a public key, a JWK or a certificate") from None
    return VerificationKey(secret, algorithms)


def read_public_key(pem: bytes) -> VerificationKey:
    """Make a key of one PEM `PUBLIC KEY` (RFC 7468, 13): RSA, P-256, P-384, P-521 or Ed25519.

    Raises KeyDocumentError for everything else, private keys and several keys included.
    """
    if b"PRIVATE KEY" in pem:
        raise KeyDocumentError("the file holds a private key; give the public key alone")
    # The parser takes the first of several keys and says nothing about the others.
    if pem.count(b"-----BEGIN") != 1:
        raise KeyDocumentError("the file must hold exactly one key, in PEM form")
    try:
        material = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyDocumentError("the file holds no readable PEM public key") from None
    return _checked_key(material)


def read_key_set(document: bytes, *, maximum_keys: int) -> tuple[VerificationKey, ...]:
    """Take from a JSON Web Key Set (RFC 7517, 5) the keys that may verify tokens.

    Left out are keys for encryption, symmetric and private keys (which nobody may publish), keys
    of unknown types or algorithms, and broken ones: one bad key must not disable the others.
    Raises KeyDocumentError when the document is no key set, has too many keys or no usable one.
    """
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        raise KeyDocumentError("the key set is not JSON") from None
    entries = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(entries, list):
        raise KeyDocumentError("the key set has no list of keys")
    if len(entries) > maximum_keys:
        raise KeyDocumentError(f"the key set has more than {maximum_keys} keys")
    keys = []
    for entry in entries:
        try:
            keys.append(_read_json_web_key(entry))
        except KeyDocumentError:
            # An issuer publishes keys for other purposes too, and newer types than are known here.
            continue
    if not keys:
        raise KeyDocumentError("the key set has no key that may verify tokens")
    return tuple(keys)


def _read_json_web_key(entry: Any) -> VerificationKey:
    """Make a key of one JWK (RFC 7517, 4), restricted to its `alg` when it states one."""
    if not isinstance(entry, dict) or not _may_verify(entry):
        raise KeyDocumentError("the key is not meant to verify signatures")
    key_type, key_id, algorithm = entry.get("kty"), entry.get("kid"), entry.get("alg")
    if not isinstance(key_type, str) or key_type not in _ANY_ALGORITHM_OF_TYPE:
        raise KeyDocumentError("the type of the key is not supported")
    if not isinstance(key_id, str | None) or not isinstance(algorithm, str | None):
        raise KeyDocumentError("the key has a kid or alg that is not a string")
    try:
        material = jwt.PyJWK(entry, _ANY_ALGORITHM_OF_TYPE[key_type]).key
    except (jwt.PyJWTError, KeyError, UnsupportedAlgorithm):
        raise KeyDocumentError("the key cannot be read") from None
    key = _checked_key(material)
    algorithms = key.algorithms if algorithm is None else key.algorithms & {algorithm}
    if not algorithms:
        raise KeyDocumentError("the key does not fit its own alg")
    return VerificationKey(key.material, algorithms, key_id)


def _may_verify(entry: Mapping[str, Any]) -> bool:
    """Tell whether a JWK is a public key for signatures, by `use`, `key_ops` and `d`."""
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in entry
    )


def _checked_key(material: object) -> VerificationKey:
    """Pair a public key with the algorithms of its type. Raises KeyDocumentError if it has none."""
    if isinstance(material, RSAPublicKey):
        if material.key_size not in _RSA_BITS:
            raise KeyDocumentError(
                f"an RSA key must have {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits,"
                f" and this one has {material.key_size}"
            )
        return VerificationKey(material, RSA_ALGORITHMS)
    if isinstance(material, EllipticCurvePublicKey):
        if material.curve.name not in CURVE_ALGORITHMS:
            raise KeyDocumentError(f"the curve {material.curve.name} is not supported")
        return VerificationKey(material, CURVE_ALGORITHMS[material.curve.name])
    if isinstance(material, Ed25519PublicKey):
        return VerificationKey(material, EDWARDS_ALGORITHMS)
    raise KeyDocumentError("the type of the key is not supported; use RSA, ECDSA or Ed25519")
