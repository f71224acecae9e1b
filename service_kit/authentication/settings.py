"""The settings by which tokens are verified, the same for every part that is shown one."""

from pathlib import Path
from typing import Annotated

from prometheus_client import CollectorRegistry, Gauge
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from service_kit.authentication.authenticator import Authenticator
from service_kit.authentication.key_source import KeySource
from service_kit.authentication.keys import open_key_source
from service_kit.authentication.lists import split_list


class TokenSettings(BaseSettings):
    """The base of the settings of a part that verifies tokens."""

    # Exactly one of the three says how tokens are verified. While a key is being replaced there are
    # files of the old one and of the new.
    token_secret_file: Annotated[tuple[Path, ...], NoDecode] = ()
    token_public_key_file: Annotated[tuple[Path, ...], NoDecode] = ()
    token_jwks_url: str | None = None
    # Empty: all that the kind of key allows.
    token_algorithms: Annotated[tuple[str, ...], NoDecode] = ()
    token_issuer: str | None = None
    token_audience: str | None = None
    # Clocks that are kept in step differ by less, and a token lives for much longer.
    token_leeway_seconds: Annotated[float, Field(ge=0)] = 5
    # Verified ones, whose signature is not computed again. 0: none.
    token_memory: Annotated[int, Field(ge=0, le=1_000_000)] = 10_000

    _split_token_lists = field_validator(
        "token_secret_file", "token_public_key_file", "token_algorithms", mode="before"
    )(split_list)


def open_authenticator(
    settings: TokenSettings, registry: CollectorRegistry, *, metrics_prefix: str = ""
) -> tuple[Authenticator, KeySource]:
    """Make what verifies tokens, and its keys, which are started before the first token and closed
    after the last. Raises ValueError for settings that cannot be used.
    """
    keys = open_key_source(
        secret_files=settings.token_secret_file,
        public_key_files=settings.token_public_key_file,
        jwks_url=settings.token_jwks_url,
        registry=registry,
        metrics_prefix=metrics_prefix,
    )
    authenticator = Authenticator(
        keys,
        algorithms=settings.token_algorithms,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        leeway_seconds=settings.token_leeway_seconds,
        remembered_tokens=settings.token_memory,
    )
    remembered = Gauge(
        f"{metrics_prefix}remembered_tokens",
        "Tokens that need not be verified again.",
        registry=registry,
    )
    remembered.set_function(lambda: float(authenticator.remembered_tokens))
    return authenticator, keys
