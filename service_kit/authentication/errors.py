"""Refusals of tokens: every reason, and its words."""

from collections.abc import Mapping

# With all around it, it fits into a line of 8 KiB, which is what proxies take.
MAXIMUM_TOKEN_LENGTH = 7_168
MAXIMUM_SUBJECT_LENGTH = 128
MAXIMUM_TOKEN_ID_LENGTH = 128
MAXIMUM_ROLES = 32
MAXIMUM_ROLE_LENGTH = 64

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
    "bad_subject": f"The token's sub must be a name of 1 to {MAXIMUM_SUBJECT_LENGTH} characters.",
    "expired": "The token has expired.",
    "token_revoked": "The token was revoked.",
    "not_yet_valid": "The token is not valid yet.",
    "wrong_issuer": "The token comes from another issuer.",
    "wrong_audience": "The token is meant for another audience.",
}

_TIME = "a time in seconds since 1970, as a number"

# What a claim must be that has another form, or that is missing.
CLAIMS: Mapping[str, str] = {
    "sub": f"a name of 1 to {MAXIMUM_SUBJECT_LENGTH} characters",
    "exp": _TIME,
    "nbf": _TIME,
    "iat": _TIME,
    "iss": "the issuer that is expected here",
    "aud": "the audience that is expected here, or a list with it",
    "jti": f"a line of 1 to {MAXIMUM_TOKEN_ID_LENGTH} characters",
    "roles": f"a list of at most {MAXIMUM_ROLES} names of 1 to {MAXIMUM_ROLE_LENGTH} characters",
    "invisible": "true or false",
}
_ABOUT_FORM = frozenset({"missing_claim", "invalid_claim"})


class AuthenticationError(Exception):
    """A token is missing or not accepted.

    `reason` is a key of `REASONS`, and the text its value. `claim` names the claim at fault, if it
    is one, and of one with another form the text says what it must be.
    """

    def __init__(self, reason: str, claim: str | None = None) -> None:
        text = REASONS[reason]
        if claim is not None and reason in _ABOUT_FORM:
            text = f"{text} {claim} must be {CLAIMS[claim]}."
        super().__init__(text)
        self.reason = reason
        self.claim = claim
