"""Mints tokens with a data folder's secret: JWTs as the edge accepts them (RFC 7519, HS256)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import jwt

from command_line.client.data_folder import DataFolder
from command_line.display.console import CommandError
from service_kit.names import normalise
from service_kit.text import is_name

LONGEST_NAME = 128


def check_user(user: str) -> str:
    """The name as the edge takes it, in Normalization Form C; CommandError if it does not."""
    name = normalise(user)
    if len(name) > LONGEST_NAME or not is_name(name):
        raise CommandError(f"a user is a name of 1 to {LONGEST_NAME} characters: {user!r}", 2)
    return name


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
