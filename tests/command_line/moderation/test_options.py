"""Tokens that name a moderator, and tokens that are refused."""

from typing import Any

import jwt
import pytest

from command_line.display.console import CommandError
from command_line.moderation.client import Moderator
from command_line.moderation.options import read_token

SECRET = "0123456789abcdef0123456789abcdef"
LATER = 4_102_444_800


def token(secret: str = SECRET, **claims: Any) -> str:
    good = {"sub": "mia", "exp": LATER, "roles": ["moderator"]}
    kept = {name: value for name, value in {**good, **claims}.items() if value is not None}
    return jwt.encode(kept, secret, algorithm="HS256")


def test_name_and_roles_are_those_of_the_token() -> None:
    """Checked with the secret, and read as it is where there is none."""
    mia = Moderator("mia", ("moderator",))
    assert read_token(token(), SECRET) == mia
    assert read_token(token(secret="x" * 32), None) == mia
    assert read_token(token(roles=None), SECRET).roles == ()


@pytest.mark.parametrize("secret", [SECRET, None])
@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": 1}, "has expired"),
        ({"exp": None}, "exp"),
        ({"sub": None}, "sub"),
        ({"roles": "moderator"}, "no list"),
        ({"roles": [1]}, "no list"),
    ],
)
def test_a_bad_token_is_refused_with_and_without_the_secret(
    claims: dict[str, Any], why: str, secret: str | None
) -> None:
    """The time is looked at also where the signature cannot be."""
    with pytest.raises(CommandError, match=why):
        read_token(token(**claims), secret)


def test_a_forged_token_is_refused_where_the_secret_is_known() -> None:
    """As the edge would."""
    with pytest.raises(CommandError, match=r"[Ss]ignature"):
        read_token(token(secret="x" * 32), SECRET)
    with pytest.raises(CommandError, match="not valid"):
        read_token("no token", None)
