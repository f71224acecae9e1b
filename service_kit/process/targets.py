"""Addresses of services that are called: one, a name of several replicas, or a list of them."""

import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_PORT = r":(\d{1,5})"
_HOST = rf"(?:{_NAME}|\[[0-9A-Fa-f:.]+\])"
_ONE = re.compile(rf"(?:dns:(?://[^/\s]*/)?)?{_HOST}{_PORT}")
_LISTS = {
    "ipv4": re.compile(rf"(?:\d{{1,3}}\.){{3}}\d{{1,3}}{_PORT}"),
    "ipv6": re.compile(rf"\[[0-9A-Fa-f:.]+\]{_PORT}"),
}
_FORMS = (
    "write host:port, dns:///name:port for all replicas of a name, or a list of addresses as in"
    " ipv4:10.0.0.1:7101,10.0.0.2:7101"
)


def check_target(target: str) -> str:
    """Give a target as gRPC takes it, unchanged. Raises ValueError for any other text."""
    scheme, _, rest = target.partition(":")
    pattern = _LISTS.get(scheme)
    addresses = rest.split(",") if pattern else [target]
    for address in addresses:
        match = (pattern or _ONE).fullmatch(address)
        if match is None or not 0 < int(match[1]) < 65_536:
            raise ValueError(_FORMS)
    if len(set(addresses)) != len(addresses):
        raise ValueError("the same address stands there twice")
    return target


Target = Annotated[str, AfterValidator(check_target)]
"""Where a service is reached that may be several replicas."""
