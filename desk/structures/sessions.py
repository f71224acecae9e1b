"""Sessions, and what the page is told before there is one."""

from typing import Annotated

from msgspec import Meta

from desk.structures.words import Role, Said, Time, Told
from service_kit.authentication.errors import MAXIMUM_TOKEN_LENGTH


class SignIn(Said, frozen=True):
    """A token of the marketplace's issuer, with a role of moderation."""

    token: Annotated[str, Meta(min_length=1, max_length=MAXIMUM_TOKEN_LENGTH)]


class SessionView(Told, frozen=True):
    """A session: who has it, until when at most, and for how long it lasts without a request.
    `csrf_token` goes with each request that changes something, as `X-CSRF-Token`.
    """

    user: str
    roles: list[Role]
    expire_time: Time
    idle_seconds: int
    csrf_token: str


class Configuration(Told, frozen=True):
    """Where moderators sign in, if the settings say it."""

    sign_in_url: str | None = None
