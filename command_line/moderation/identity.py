"""Who moderates: the name and the roles of a token."""

from dataclasses import dataclass

import jwt
from jwt.types import Options

from command_line.display.console import CommandError


@dataclass(frozen=True)
class Moderator:
    """In whose name the service is called, and with which roles."""

    name: str
    roles: tuple[str, ...]


def read_token(token: str, secret: str | None) -> Moderator:
    """The moderator of a token that has not expired; CommandError for any other.

    With the `secret` that signs tokens (HS256) the signature is checked. Without it nobody here
    can: the service trusts whoever shows its credential, and the token says in whose name.
    """
    options: Options = {
        "require": ["sub", "exp"],
        "verify_signature": secret is not None,
        # Otherwise a token whose signature is not looked at would not be asked for its time either.
        "verify_exp": True,
    }
    try:
        claims = jwt.decode(token.strip(), secret or "", algorithms=["HS256"], options=options)
    except jwt.ExpiredSignatureError as error:
        raise CommandError("the token has expired; get a new one") from error
    except jwt.InvalidTokenError as error:
        raise CommandError(f"the token is not good: {error}") from error
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise CommandError("the token is not good: its roles are no list of names")
    return Moderator(str(claims["sub"]), tuple(roles))
