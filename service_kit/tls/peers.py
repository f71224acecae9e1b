"""Names of callers in certificates: URIs of the subject alternative name, as SPIFFE writes them.

`spiffe://example.org/parley/edge` is the edge of the trust domain example.org
(https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator
from pydantic_settings import NoDecode

from service_kit.authentication.callers import Caller

# All that may stand in the URI of a certificate here; a query or a fragment is in none.
_URI = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9._~%:@!$&'()+;/-]+")
_ANY = "*"


def read_peers(items: Iterable[str]) -> Mapping[str, Caller]:
    """Read who is known by which URI. Raises ValueError for what names nobody.

    `URI` is the caller that it ends with, `URI=caller` another one, and a URI that ends with `/*`
    stands for one of each caller.
    """
    found: dict[str, Caller] = {}
    for item in items:
        uri, equals, named = item.partition("=")
        base, _, last = uri.rpartition("/")
        if last == _ANY and not equals and _URI.fullmatch(base):
            pairs = [(f"{base}/{caller}", caller) for caller in Caller]
        elif not _URI.fullmatch(uri):
            raise ValueError(f"{item} is no URI, like spiffe://example.org/parley/edge")
        elif (name := named if equals else last) not in {*Caller}:
            raise ValueError(
                f"{item} names no known caller; there are {', '.join(Caller)}, and"
                " URI=caller says which one another URI is"
            )
        else:
            pairs = [(uri, Caller(name))]
        for one, caller in pairs:
            if found.setdefault(one, caller) is not caller:
                raise ValueError(f"{one} is both {found[one]} and {caller}")
    return found


def _checked(items: tuple[str, ...]) -> tuple[str, ...]:
    read_peers(items)
    return items


PeerList = Annotated[tuple[str, ...], NoDecode, AfterValidator(_checked)]
"""The setting of a list that `read_peers` reads."""


def caller_of(uris: Iterable[str], peers: Mapping[str, Caller]) -> Caller | str:
    """Find the caller whom a certificate with these URIs names, or say why it is none."""
    named = list(uris)
    found = {peers[uri] for uri in named if uri in peers}
    if len(found) == 1:
        return found.pop()
    if found:
        return f"the certificate of the caller names several: {', '.join(sorted(found))}"
    if not named:
        return "the certificate of the caller has no URI, by which it would be known"
    return f"the certificate of the caller is of {', '.join(named)}, who may not call here"
