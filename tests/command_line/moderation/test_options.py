"""Tokens that name a moderator."""

import jwt
import pytest

from command_line.display.console import CommandError
from command_line.moderation.options import read_token


def test_the_name_is_that_of_the_token() -> None:
    """Whether the token is good says the service, which alone has the key."""
    token = jwt.encode({"sub": "mia", "exp": 1}, "x" * 32, algorithm="HS256")
    moderator = read_token(f"{token}\n")
    assert (moderator.name, moderator.token) == ("mia", token)


@pytest.mark.parametrize("token", ["no token", "", "a.b.c"])
def test_what_is_no_token_is_told(token: str) -> None:
    with pytest.raises(CommandError, match="not valid") as caught:
        read_token(token)
    assert caught.value.exit_code == 2
