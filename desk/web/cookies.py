"""The cookie by which a browser names its session (RFC 6265)."""

from collections.abc import Iterable
from http import HTTPStatus

from desk.problems import RefusedError

_NAME = "parley_desk"
# Of what is made here the length is known.
_MOST_CHARACTERS = 128


class Cookie:
    """The cookie of a desk. One that is `secure` goes over TLS alone, and by its name no other
    host, not even one of the same domain, can have set it.
    """

    def __init__(self, *, secure: bool) -> None:
        self.name = f"__Host-{_NAME}" if secure else _NAME
        self._marks = "Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The name of the session. Raises RefusedError unless there is exactly one."""
        values = {
            value
            for header, line in headers
            if header == b"cookie"
            for pair in line.split(b";")
            for name, _, value in (pair.strip(b" \t").partition(b"="),)
            if name == self.name.encode()
        }
        if len(values) != 1:
            reason = "several_sessions" if values else "session_missing"
            raise RefusedError(HTTPStatus.UNAUTHORIZED, reason, "Sign in with POST /session.")
        (value,) = values
        if not value or len(value) > _MOST_CHARACTERS or not value.isascii():
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "session_over", "This is no session.")
        return value.decode("ascii")

    def written(self, session: str) -> str:
        """The header that sets the cookie. It has no end of its own: the session has one."""
        return f"{self.name}={session}; {self._marks}"

    def expired(self) -> str:
        """The header that takes the cookie away."""
        return f"{self.name}=; {self._marks}; Max-Age=0"
