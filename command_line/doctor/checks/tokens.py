"""The keys by which tokens are verified: those of files, and those that an issuer publishes."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from command_line.doctor.deployment import Deployment, Part, variable
from command_line.doctor.findings import Finding, Findings
from command_line.doctor.kinds import Kind
from command_line.serve.parts import LOOPBACKS
from service_kit.authentication.key_download import Downloader, DownloadError
from service_kit.authentication.settings import TokenSettings, open_authenticator
from service_kit.authentication.verification_keys import (
    ASYMMETRIC_ALGORITHMS,
    KeyDocumentError,
    read_key_set,
)

# As a part asks for them.
_SECONDS = 5.0
_BYTES = 1_048_576
_KEYS = 100
_SOURCES = ("token_secret_file", "token_public_key_file", "token_jwks_url")


async def check_tokens(deployment: Deployment) -> Findings:
    """Make the keys ready as each part does, and fetch what an issuer publishes."""
    verifying = []
    for part in deployment.usable:
        if not isinstance(part.settings, TokenSettings):
            continue
        problems = list(of_keys(deployment, part))
        for finding in problems:
            yield finding
        if not problems:
            verifying.append(part)
    for finding in different(deployment, verifying):
        yield finding
    addresses = {
        part.settings.token_jwks_url: part for part in verifying if part.settings.token_jwks_url
    }
    for url, part in addresses.items():
        async for finding in _check_jwks(part, url):
            yield finding


def of_keys(deployment: Deployment, part: Part) -> Iterator[Finding]:
    """The keys of a part, as its start makes them."""
    settings = part.settings
    files = (*settings.token_secret_file, *settings.token_public_key_file)
    if any(not file.is_file() for file in files):
        # Found among the files.
        return
    try:
        open_authenticator(settings, CollectorRegistry())
    except ValueError as error:
        named = [name for name in _SOURCES if getattr(settings, name)]
        if len(named) > 1:
            cure = tuple(deployment.unsetting(variable(part.name, name)) for name in named[1:])
        elif not named:
            cure = (deployment.setting(variable(part.name, _SOURCES[0]), "secrets/token_secret"),)
        elif settings.token_algorithms and "algorithm" in str(error):
            cure = (deployment.unsetting(variable(part.name, "token_algorithms")),)
        elif settings.token_secret_file:
            cure = (f"(umask 077 && openssl rand -hex 32 > {settings.token_secret_file[-1]})",)
        elif settings.token_public_key_file:
            file = settings.token_public_key_file[-1]
            cure = (f"openssl pkey -in ISSUER_PRIVATE_KEY.pem -pubout -out {file}",)
        else:
            cure = (
                deployment.setting(
                    variable(part.name, "token_jwks_url"),
                    "https://ISSUER/.well-known/jwks.json",
                ),
            )
        yield Finding(Kind.TOKEN_KEYS_UNUSABLE, part.name, str(error), cure)


def different(deployment: Deployment, verifying: list[Part]) -> Iterator[Finding]:
    """Parts that take the same person's token by other keys, issuers or audiences."""
    first: Part | None = None
    for part in verifying:
        if first is None:
            first = part
            continue
        for name in (*_SOURCES, "token_issuer", "token_audience"):
            mine, other = getattr(part.settings, name), getattr(first.settings, name)
            if _content(mine) != _content(other):
                given = ",".join(map(str, other)) if isinstance(other, tuple) else other
                changed = variable(part.name, name)
                yield Finding(
                    Kind.TOKEN_KEYS_DIFFER,
                    part.name,
                    f"{changed} is not as {variable(first.name, name)} is: a token that"
                    f" {first.name} takes is refused there",
                    (
                        deployment.setting(changed, given)
                        if given
                        else deployment.unsetting(changed),
                    ),
                )


def _content(value: Any) -> object:
    """The contents of the files count, and not where they are."""
    if not isinstance(value, tuple):
        return value
    try:
        return {sha256(file.read_bytes().rstrip(b"\r\n")).digest() for file in value}
    except OSError:
        # Found among the files.
        return set()


async def _check_jwks(part: Part, url: str) -> Findings:
    name = variable(part.name, "token_jwks_url")
    look = f"curl -fsS -m 5 {url}"
    try:
        downloader = Downloader(url, timeout_seconds=_SECONDS, maximum_bytes=_BYTES)
    except ValueError:
        # Found with the keys.
        return
    address = urlsplit(url)
    if address.scheme == "http" and address.hostname not in {*LOOPBACKS, "localhost"}:
        yield Finding(
            Kind.JWKS_PLAIN,
            name,
            f"{url} is not encrypted",
            (f"export {name}={url.replace('http:', 'https:', 1)}",),
        )
    try:
        document = await downloader.download()
    except DownloadError as error:
        yield Finding(Kind.JWKS_UNREACHABLE, name, f"{url}: {error}", (look,))
        return
    for finding in of_key_set(name, url, document, part.settings.token_algorithms):
        yield finding


def of_key_set(
    name: str, url: str, document: bytes, algorithms: tuple[str, ...] = ()
) -> Iterator[Finding]:
    """Check that an issuer publishes a set of keys, of which some verify what is allowed."""
    cure = (
        f"curl -fsS -m 5 {url}",
        "# have the issuer publish public keys for signatures: RSA of 2048 bits, P-256 or Ed25519",
    )
    try:
        keys = read_key_set(document, maximum_keys=_KEYS)
    except KeyDocumentError as error:
        yield Finding(Kind.JWKS_WITHOUT_KEYS, name, f"{url}: {error}", cure)
        return
    allowed = frozenset(algorithms) or ASYMMETRIC_ALGORITHMS
    fitting = [key for key in keys if key.algorithms & allowed]
    if not fitting:
        able = sorted(frozenset[str]().union(*(key.algorithms for key in keys)))
        changed = name.replace("TOKEN_JWKS_URL", "TOKEN_ALGORITHMS")
        yield Finding(
            Kind.JWKS_WITHOUT_KEYS,
            name,
            f"{url}: its keys can do {', '.join(able)}, of which nothing is allowed",
            (f"export {changed}={','.join(able)}",),
        )
        return
    published = len(json.loads(document)["keys"])
    if len(fitting) < published:
        yield Finding(
            Kind.JWKS_KEYS_LEFT_OUT,
            name,
            f"{url}: {published - len(fitting)} of {published} keys cannot verify tokens: of"
            " another use, symmetric, private, too weak, or broken",
            cure,
        )
