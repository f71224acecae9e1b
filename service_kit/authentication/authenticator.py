"""Verification of tokens (JWT, RFC 7519).

No exception of this module, nor its cause, holds any part of a token.
"""

import math
import time
from collections.abc import Collection
from hashlib import sha256
from typing import Any, NamedTuple

from service_kit.authentication.claims import (
    Principal,
    check_audience,
    check_issuer,
    read_principal,
)
from service_kit.authentication.errors import MAXIMUM_TOKEN_LENGTH, AuthenticationError
from service_kit.authentication.key_source import KeyNotFoundError, KeySource
from service_kit.authentication.signed_token import read_signed_token
from service_kit.authentication.verification_keys import KNOWN_ALGORITHMS, VerificationKey


class _Verified(NamedTuple):
    """A token whose signature was found to be that of a key; its times are to be checked again."""

    key_id: str | None
    algorithm: str
    key: VerificationKey
    claims: dict[str, Any]


class Authenticator:
    """Checks tokens against the keys of one issuer.

    `algorithms` is the allow-list; of it counts what the source's keys can do, and when it is
    empty all that they can do, which the type of the key decides. `issuer` and
    `audience` are demanded when set; a token with an audience is refused when none is set (RFC
    7519, 4.1.3). `leeway_seconds` is granted to clocks that differ. What was found in a token is
    remembered, of as many as `remembered_tokens`, for people come back with the one that they have:
    it holds while the source gives the same key, and nothing of the token itself is kept.
    Raises ValueError for unknown algorithms and when none of them fits the keys.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        algorithms: Collection[str],
        issuer: str | None = None,
        audience: str | None = None,
        leeway_seconds: float = 0.0,
        remembered_tokens: int = 0,
    ) -> None:
        unknown = sorted(set(algorithms) - KNOWN_ALGORITHMS)
        if unknown:
            raise ValueError(f"unknown or unsafe token algorithms: {', '.join(unknown)}")
        if issuer == "" or audience == "":
            raise ValueError("an issuer or audience of tokens must not be empty; leave it unset")
        if not 0 <= leeway_seconds < math.inf:
            raise ValueError("the leeway of tokens must be 0 seconds or more")
        self._keys = keys
        self._algorithms = frozenset(algorithms)
        if not self._allowed:
            raise ValueError(
                "none of the allowed token algorithms fits the key, which can do"
                f" {', '.join(sorted(keys.algorithms))}"
            )
        self._issuer = issuer
        self._audience = audience
        self._leeway_seconds = leeway_seconds
        self._most_remembered = remembered_tokens
        # By digest of the token, the one that was asked for last at the end.
        self._remembered: dict[bytes, _Verified] = {}

    @property
    def remembered_tokens(self) -> int:
        """Count the tokens that need not be verified again."""
        return len(self._remembered)

    @property
    def _allowed(self) -> frozenset[str]:
        able = self._keys.algorithms
        return able & self._algorithms if self._algorithms else able

    async def authenticate(self, token: str, now: float | None = None) -> Principal:
        """Check a token at `now` (Unix seconds; the present by default).

        It may wait for a fetch of the issuer's keys, but it never blocks the event loop.
        Raises AuthenticationError.
        """
        claims = await self._recall(token) or await self._verify(token)
        # The clock is read after the wait for keys, in which a token may expire.
        return read_principal(claims, time.time() if now is None else now, self._leeway_seconds)

    async def _recall(self, token: str) -> dict[str, Any] | None:
        """Give the claims of a token that was verified before, if its key is still one."""
        if not self._remembered or len(token) > MAXIMUM_TOKEN_LENGTH or not token.isascii():
            return None
        digest = sha256(token.encode()).digest()
        known = self._remembered.pop(digest, None)
        if known is None or known.algorithm not in self._allowed:
            return None
        try:
            keys = await self._keys.find(known.key_id, known.algorithm)
        except KeyNotFoundError:
            return None
        if not any(key is known.key for key in keys):
            return None
        self._remembered[digest] = known
        return known.claims

    async def _verify(self, token: str) -> dict[str, Any]:
        signed = read_signed_token(token)
        algorithm, key_id = signed.header.get("alg"), signed.header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._allowed:
            raise AuthenticationError("algorithm_not_allowed")
        try:
            keys = await self._keys.find(key_id, algorithm)
        except KeyNotFoundError as error:
            reason = "keys_unavailable" if error.source_is_empty else "unknown_key"
            raise AuthenticationError(reason) from None
        fitting = [key for key in keys if algorithm in key.algorithms]
        if not fitting:
            raise AuthenticationError("algorithm_not_allowed")
        for key in fitting:
            # The algorithm is one that the type of the key permits (RFC 8725, 3.1).
            if key.verifies(algorithm, signed.signed, signed.signature):
                break
        else:
            raise AuthenticationError("bad_signature")
        claims = signed.claims()
        check_issuer(claims, self._issuer)
        check_audience(claims, self._audience)
        if self._most_remembered:
            digest = sha256(token.encode()).digest()
            self._remembered[digest] = _Verified(key_id, algorithm, key, claims)
            if len(self._remembered) > self._most_remembered:
                del self._remembered[next(iter(self._remembered))]
        return claims
