"""Refusals of tokens: every reason, and its words."""

from collections.abc import Mapping

MAXIMUM_TOKEN_LENGTH = 8_192
MAXIMUM_SUBJECT_LENGTH = 128

# Every reason for a refusal, and what the person is told. `keys_unavailable` alone is no fault of
# the token.
REASONS: Mapping[str, str] = {
    "missing_token": "A token is required.",
    "several_tokens": "The request bears several different tokens.",
    "unsupported_scheme": "The Authorization header must be of the form: Bearer <token>.",
    "malformed_token": "The token is not a well-formed JWT.",
    "token_too_long": f"The token is longer than {MAXIMUM_TOKEN_LENGTH} characters.",
    "bad_header": "The token's header is invalid or demands an unsupported extension.",
    "algorithm_not_allowed": "The token's algorithm is not allowed.",
    "unknown_key": "The token's key is not known.",
    "keys_unavailable": "The issuer's keys are not available at present.",
    "bad_signature": "The token's signature is wrong.",
    "missing_claim": "The token lacks a required claim.",
    "invalid_claim": "A claim of the token has an invalid value.",
    "bad_subject": f"The token's sub must be 1 to {MAXIMUM_SUBJECT_LENGTH} printable characters.",
    "expired": "The token has expired.",
    "not_yet_valid": "The token is not valid yet.",
    "wrong_issuer": "The token comes from another issuer.",
    "wrong_audience": "The token is meant for another audience.",
}


class AuthenticationError(Exception):
    """A token is missing or not accepted. `reason` is a key of `REASONS`, the text its value."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason
