"""Tokens for the local secret: JWTs as the edge accepts them (RFC 7519, HS256)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import jwt

from command_line.client.data_folder import DataFolder
from command_line.display.console import CommandError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=366)
LONGEST_NAME = 128


def parse_duration(text: str) -> timedelta:
    """A whole number and its unit, as in 30s, 15m, 1h, 7d; more than nothing, at most 366 days."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if match is None:
        raise CommandError(f"not a duration: {text!r}; write a number and s, m, h or d, as 15m", 2)
    duration = timedelta(**{UNITS[match[2]]: int(match[1])})
    if not timedelta(0) < duration <= LONGEST:
        raise CommandError(f"this lasts from 1s to 366d, not {text}", 2)
    return duration


def check_user(user: str) -> str:
    """The name as given, if the edge would take it; CommandError otherwise."""
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
