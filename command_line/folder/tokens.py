"""Mints tokens with a data folder's secret: JWTs as the edge accepts them (RFC 7519, HS256)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any

import jwt

from command_line.display.console import CommandError
from command_line.folder.data_folder import DataFolder
from service_kit.names import normalise
from service_kit.text import is_line, is_name

LONGEST_NAME = 128


def check_user(user: str) -> str:
    """The name as the edge takes it, in Normalization Form C; CommandError if it does not."""
    name = normalise(user)
    if len(name) > LONGEST_NAME or not is_name(name):
        raise CommandError(f"a user is a name of 1 to {LONGEST_NAME} characters: {user!r}", 2)
    return name


def check_token_id(token_id: str) -> str:
    """The id of a token as the edge takes it; CommandError if it does not."""
    if not 1 <= len(token_id) <= LONGEST_NAME or not is_line(token_id):
        raise CommandError(f"the id of a token is a line of 1 to {LONGEST_NAME} characters", 2)
    return token_id


def mint(
    folder: DataFolder,
    user: str,
    lifetime: timedelta,
    roles: Sequence[str] = (),
    *,
    invisible: bool = False,
    token_id: str | None = None,
    issued_at: datetime | None = None,
) -> str:
    """A signed token for this user: `sub`, `iat`, `exp`, `roles`, `invisible`, `jti`.

    Without a time it is issued now, to the millisecond: one that is made right after sessions were
    ended is none of before.
    """
    # In parts of a second that a number of seconds holds exactly.
    now = floor(datetime.now(UTC).timestamp() * 1024) / 1024
    claims: dict[str, Any] = {
        "sub": check_user(user),
        "iat": now if issued_at is None else issued_at.timestamp(),
        "exp": now + lifetime.total_seconds(),
        "roles": list(roles),
    }
    if invisible:
        claims["invisible"] = True
    if token_id is not None:
        claims["jti"] = check_token_id(token_id)
    return jwt.encode(claims, folder.read_token_secret(), algorithm="HS256")
