"""Tokens taken apart; what of them is refused as a whole stands in test_authenticator.py."""

import jwt
import pytest

from service_kit.authentication.errors import AuthenticationError
from service_kit.authentication.signed_token import read_signed_token
from tests.service_kit.authentication.tokens import claims, encoded, signed


def test_parts_are_what_pyjwt_reads() -> None:
    """Header, payload, what is signed and the signature are those that PyJWT finds."""
    token = signed(claims())
    parts = read_signed_token(token)
    found = jwt.decode_complete(token, options={"verify_signature": False})
    assert (parts.header, parts.claims(), parts.signature) == (
        found["header"],
        found["payload"],
        found["signature"],
    )
    assert parts.signed == token.rpartition(".")[0].encode()


@pytest.mark.parametrize("place", range(3))
def test_other_spelling_of_the_same_bytes_is_refused(place: int) -> None:
    """The last character of a part has bits that mean nothing, and they have to be 0."""
    parts = [encoded(b'{"alg":"HS256"}' + b" "), encoded(b"{}"), encoded(b"x" * 32)]
    assert all(len(part) % 4 for part in parts)
    read_signed_token(".".join(parts))
    parts[place] = parts[place][:-1] + chr(ord(parts[place][-1]) + 1)
    with pytest.raises(AuthenticationError) as raised:
        read_signed_token(".".join(parts))
    assert raised.value.reason == "malformed_token"
