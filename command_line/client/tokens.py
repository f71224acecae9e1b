"""Mints tokens with a data folder's secret: JWTs as the edge accepts them (RFC 7519, HS256)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import jwt

from command_line.client.data_folder import DataFolder
from command_line.display.console import CommandError

LONGEST_NAME = 128


def check_user(user: str) -> str:
    """The name, if the edge accepts it; CommandError otherwise."""
    if not 1 <= len(user) <= LONGEST_NAME or not user.isprintable() or user.isspace():
        raise CommandError(f"a user has 1 to {LONGEST_NAME} printable characters: {user!r}", 2)
    return user


def mint(
    folder: DataFolder,
    user: str,
    lifetime: timedelta,
    roles: Sequence[str] = (),
    *,
    invisible: bool = False,
) -> str:
    """A signed token for this user: `sub`, `iat`, `exp` in whole seconds, `roles`, `invisible`."""
    now = datetime.now(UTC)
    claims = {"sub": check_user(user), "iat": now, "exp": now + lifetime, "roles": list(roles)}
    if invisible:
        claims["invisible"] = True
    return jwt.encode(claims, folder.read_token_secret(), algorithm="HS256")
