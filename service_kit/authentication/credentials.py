"""Credentials of callers: the file of who shows one, and the file of digests of who accepts them.

A credential is 32 random bytes as text. Nobody can find those by trying, so a plain SHA-256 of them
says nothing: salts and slow hashes are for what people make up.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import structlog

from service_kit.authentication.callers import Caller
from service_kit.authentication.file_stamps import stamp_of

Value = TypeVar("Value")
Metadata = tuple[tuple[str, str], ...]
Present = Callable[[], Metadata]
"""Gives the metadata of a call by which the caller is known."""

METADATA_KEY = "authorization"
LEAST_CHARACTERS = 32
_MOST_CHARACTERS = 512
# The old one and the new one, while a credential is replaced.
MOST_DIGESTS = 2

_CREDENTIAL = re.compile(r"[\x21-\x7e]+")
_ACCEPTED = re.compile(r"([a-z]+)\s*:\s*([0-9A-Fa-f]{64})")


class Accepted(NamedTuple):
    """A digest, and whose credential it is of."""

    digest: bytes
    caller: Caller


def make_credential() -> str:
    """Make a new credential."""
    return secrets.token_urlsafe(32)


def accepted_line(caller: Caller, credential: str) -> str:
    """Give the line by which a service accepts a credential. Raises ValueError for a bad one."""
    return f"{caller}: {sha256(_checked(credential).encode()).hexdigest()}"


def present(credential: str) -> Metadata:
    """Give the metadata by which whoever has the credential is known."""
    return ((METADATA_KEY, f"Bearer {credential}"),)


# --- Files --------------------------------------------------------------------------------------


def read_credential(path: Path) -> str:
    """Read the credential of a caller: the first line that is not blank.

    Raises ValueError without one, and for one that cannot be shown or could be guessed.
    """
    for _, line in _lines(path):
        try:
            return _checked(line)
        except ValueError as error:
            raise ValueError(f"the credential in {path} {error}") from None
    raise ValueError(f"{path} holds no credential")


def read_accepted(path: Path) -> tuple[Accepted, ...]:
    """Read the digests that a service accepts, one a line: `caller: digest`. # begins a comment.

    Raises ValueError for anything else, in words that hold nothing of the file.
    """
    found: dict[bytes, Caller] = {}
    for number, line in _lines(path):
        if line.startswith("#"):
            continue
        match = _ACCEPTED.fullmatch(line)
        if match is None:
            raise ValueError(
                f"line {number} of {path} is not `caller: digest`; `parley credentials digest`"
                " makes that line of a credential"
            )
        name, digest = match[1], bytes.fromhex(match[2])
        if name not in {*Caller}:
            raise ValueError(
                f"line {number} of {path} names no known caller; there are {', '.join(Caller)}"
            )
        if found.setdefault(digest, Caller(name)) != name:
            raise ValueError(f"line {number} of {path} has the digest of another caller")
        if list(found.values()).count(Caller(name)) > MOST_DIGESTS:
            raise ValueError(f"{path} has more than {MOST_DIGESTS} digests of {name}")
    if not found:
        raise ValueError(f"{path} holds no digest of a credential, so nobody could call")
    return tuple(Accepted(digest, caller) for digest, caller in found.items())


def _checked(credential: str) -> str:
    if not _CREDENTIAL.fullmatch(credential):
        raise ValueError("has other characters than visible ones of ASCII")
    if not LEAST_CHARACTERS <= len(credential) <= _MOST_CHARACTERS:
        raise ValueError(f"has not {LEAST_CHARACTERS} to {_MOST_CHARACTERS} characters")
    return credential


def _lines(path: Path) -> Sequence[tuple[int, str]]:
    """Give the lines that are not blank, with their numbers: without spaces, CR or a mark of the
    order of bytes, which editors add.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"the file {path} can not be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is no text in UTF-8") from None
    lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), start=1))
    return [(number, line) for number, line in lines if line]


class WatchedFile(Generic[Value]):
    """The value that `read` makes of a file, made anew when the file has changed.

    It is looked at when it is asked for, and at most every `refresh_seconds`. One that has become
    bad changes nothing and is told to the log: what was read before stays. Raises ValueError when
    it is bad at first.
    """

    def __init__(self, path: Path, read: Callable[[Path], Value], refresh_seconds: float) -> None:
        self._path = path
        self._read = read
        self._refresh_seconds = refresh_seconds
        self._stamp = stamp_of(path)
        self._value = read(path)
        self._next_look = time.monotonic() + refresh_seconds

    def __call__(self) -> Value:
        """Give what the file says."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self._refresh_seconds
            self._refresh()
        return self._value

    def _refresh(self) -> None:
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        log = structlog.get_logger(__name__)
        try:
            self._value = self._read(self._path)
        except ValueError as error:
            log.error("what was read before stays in use", problem=str(error))  # noqa: TRY400 - the words say all
        else:
            log.info("a file was read anew", file=str(self._path))


# --- Who shows one, and who accepts them ----------------------------------------------------------


def presented(path: Path | None, refresh_seconds: float) -> Present:
    """Present the credential of a file, a new one when the file has changed. Raises ValueError.

    Without a file nothing is presented: whoever is called knows its callers by certificates.
    """
    if path is None:
        return tuple
    return WatchedFile(path, lambda file: present(read_credential(file)), refresh_seconds)


class AcceptedCredentials:
    """The callers whose credentials a file accepts, also when it changes. Raises ValueError."""

    def __init__(self, path: Path, refresh_seconds: float) -> None:
        self._file = WatchedFile(path, read_accepted, refresh_seconds)
        self._accepted = self._file()
        # Each as it is shown; no more than are accepted.
        self._known: dict[bytes, Caller] = {}

    def current(self) -> object:
        """Give what is another object when something else is accepted."""
        accepted = self._file()
        if accepted is not self._accepted:
            self._accepted, self._known = accepted, {}
        return accepted

    def find(self, authorization: bytes) -> Caller | None:
        """Find the caller of `Bearer <credential>`; None when it is not accepted."""
        self.current()
        if (known := self._known.get(authorization)) is not None:
            return known
        scheme, _, credential = authorization.partition(b" ")
        digest = sha256(credential).digest()
        found = None
        for one in self._accepted:
            # All are compared, each in constant time.
            if hmac.compare_digest(one.digest, digest):
                found = one.caller
        if found is None or scheme != b"Bearer":
            return None
        self._known[authorization] = found
        return found
