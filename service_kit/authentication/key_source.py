"""The source of the keys that verify tokens, as the authenticator needs it."""

from typing import Protocol

from service_kit.authentication.verification_keys import VerificationKey

# Each costs a verification, on the event loop, of a token that may be anybody's.
MAXIMUM_TRIED_KEYS = 8


class KeyNotFoundError(Exception):
    """No key answers to what a token asks for.

    `source_is_empty` is true when there is no key at all, because the issuer could not be asked
    yet. Then the token may well be good.
    """

    def __init__(self, *, source_is_empty: bool = False) -> None:
        super().__init__("no such key")
        self.source_is_empty = source_is_empty


class KeySource(Protocol):
    """Finds keys for an authenticator. `start` comes before the first `find`."""

    @property
    def algorithms(self) -> frozenset[str]:
        """All algorithms that any key of this source could have."""

    async def start(self) -> None:
        """Make the keys ready, as far as they can be had."""

    async def close(self) -> None:
        """Stop whatever runs in the background."""

    async def find(self, key_id: str | None, algorithm: str) -> tuple[VerificationKey, ...]:
        """Return the keys of which one may have signed a token with this `kid` and `alg`.

        They are at most MAXIMUM_TRIED_KEYS. Some may come back that do not allow `algorithm`: then
        none of that name does. Raises KeyNotFoundError.
        """
