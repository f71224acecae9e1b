"""Names of callers in certificates."""

import pytest

from service_kit.authentication.callers import Caller
from service_kit.tls.peers import caller_of, read_peers

BASE = "spiffe://example.org/parley"


def test_a_uri_is_the_caller_that_it_ends_with() -> None:
    """Or another one that is said, as other parts of a marketplace have names of their own."""
    shop = "spiffe://example.org/ns/shop/sa/api"
    assert read_peers([f"{BASE}/edge", f"{shop}=backend"]) == {
        f"{BASE}/edge": Caller.EDGE,
        shop: Caller.BACKEND,
    }


def test_a_star_is_one_of_each() -> None:
    """And of nobody else."""
    assert read_peers([f"{BASE}/*"]) == {f"{BASE}/{one}": one for one in Caller}


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["edge"], "edge is no URI"),
        ([""], "is no URI"),
        (["spiffe://example.org/parley/janitor"], "names no known caller; there are edge"),
        ([f"{BASE}/edge=janitor"], "names no known caller"),
        ([f"{BASE}/*=edge"], "is no URI"),
        ([f"{BASE}/edge", f"{BASE}/edge=desk"], "is both edge and desk"),
        (["spiffe://example.org/a b/edge"], "is no URI"),
    ],
)
def test_what_names_nobody_is_refused(items: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_peers(items)


@pytest.mark.parametrize(
    ("uris", "found"),
    [
        ([f"{BASE}/edge"], Caller.EDGE),
        (["spiffe://other.org/x", f"{BASE}/desk"], Caller.DESK),
        ([], "the certificate of the caller has no URI, by which it would be known"),
        (
            ["spiffe://other/parley/edge"],
            "the certificate of the caller is of spiffe://other/parley/edge, who may not call here",
        ),
        (
            [f"{BASE}/edge", f"{BASE}/desk"],
            "the certificate of the caller names several: desk, edge",
        ),
    ],
)
def test_a_certificate_is_of_one_caller(uris: list[str], found: Caller | str) -> None:
    """Whole URIs are compared, and who is called by several names is nobody."""
    assert caller_of(uris, read_peers([f"{BASE}/*"])) == found
