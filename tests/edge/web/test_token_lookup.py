"""The places in which a token may stand, and which of them decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.web.token_lookup import find_token
from service_kit.authentication.errors import AuthenticationError
from tests.service_kit.authentication.tokens import assert_tells_nothing

HEADER = (b"authorization", b"Bearer from-header")
COOKIE = (b"cookie", b"theme=dark; token=from-cookie; lang=de")
QUERY = b"resume=abc&token=from-query"
OFFERS = ["parley.v1.json", "parley.bearer.from-offer"]


@pytest.mark.parametrize(
    ("headers", "query", "offers", "expected"),
    [
        ([COOKIE, HEADER], QUERY, OFFERS, "from-header"),
        ([COOKIE], QUERY, OFFERS, "from-cookie"),
        ([(b"cookie", b"theme=dark")], QUERY, OFFERS, "from-query"),
        ([], b"resume=abc", OFFERS, "from-offer"),
        ([(b"Authorization", b"bearer  from-header ")], b"", [], "from-header"),
        ([HEADER, HEADER], b"", [], "from-header"),
        ([(b"cookie", b"a=b"), COOKIE], b"", [], "from-cookie"),
        ([(b"cookie", b'token="from-cookie"')], b"", [], "from-cookie"),
        ([(b"cookie", b"token=a=b")], b"", [], "a=b"),
        ([], b"token=from%2Dquery&token=from-query", [], "from-query"),
    ],
)
def test_first_place_with_a_token_decides(
    headers: list[tuple[bytes, bytes]], query: bytes, offers: list[str], expected: str
) -> None:
    """Header, then cookie, then parameter, then subprotocol; equal copies are one token."""
    assert find_token(headers, query, offers) == expected


@pytest.mark.parametrize(
    ("headers", "query", "offers", "reason"),
    [
        ([], b"", [], "missing_token"),
        ([], b"tokens=x&xtoken=y&Token=z&%74oken=e", ["parley.v1.json"], "missing_token"),
        ([(b"cookie", b"xtoken=a; Token=b; token2=c")], b"", [], "missing_token"),
        ([(b"authorization", b"Basic YWxpY2U6eA=="), COOKIE], QUERY, OFFERS, "unsupported_scheme"),
        ([(b"authorization", b"")], QUERY, OFFERS, "unsupported_scheme"),
        ([(b"authorization", b"Bearerx")], QUERY, OFFERS, "unsupported_scheme"),
        ([(b"authorization", b"from-header")], QUERY, OFFERS, "unsupported_scheme"),
        ([(b"authorization", b"Bearer"), COOKIE], QUERY, OFFERS, "malformed_token"),
        ([(b"authorization", b"Bearer   "), COOKIE], QUERY, OFFERS, "malformed_token"),
        ([(b"authorization", b"Bearer \xff\xfe")], QUERY, OFFERS, "malformed_token"),
        ([HEADER, (b"authorization", b"Bearer other")], b"", [], "several_tokens"),
        ([HEADER, (b"authorization", b"Basic YWxpY2U6eA==")], b"", [], "unsupported_scheme"),
        ([(b"cookie", b"token=")], QUERY, OFFERS, "malformed_token"),
        ([(b"cookie", b"token")], QUERY, OFFERS, "malformed_token"),
        ([(b"cookie", b"token=a; token=b")], QUERY, OFFERS, "several_tokens"),
        ([(b"cookie", b"token=a"), (b"cookie", b"token=b")], QUERY, OFFERS, "several_tokens"),
        ([], b"token=", OFFERS, "malformed_token"),
        ([], b"token=%ff", OFFERS, "malformed_token"),
        ([], b"token=a&token=b", OFFERS, "several_tokens"),
        ([], b"", ["parley.bearer."], "malformed_token"),
        ([], b"", ["parley.bearer.a", "parley.bearer.b"], "several_tokens"),
    ],
)
def test_hostile_places_are_refused(
    headers: list[tuple[bytes, bytes]], query: bytes, offers: list[str], reason: str
) -> None:
    """A bad token in one place is never made up for by another place."""
    with pytest.raises(AuthenticationError) as caught:
        find_token(headers, query, offers)
    assert caught.value.reason == reason


name_of_header = st.sampled_from([b"authorization", b"Authorization", b"cookie", b"origin"])
value_of_header = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda data: b"Bearer " + data),
    st.binary(max_size=60).map(lambda data: b"token=" + data),
)


@given(
    headers=st.lists(st.tuples(name_of_header, value_of_header), max_size=4),
    query=st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda q: b"token=" + q)),
    offers=st.lists(st.text(max_size=30).map(lambda text: "parley.bearer." + text), max_size=2),
)
def test_any_request_gives_a_token_or_a_refusal(
    headers: list[tuple[bytes, bytes]], query: bytes, offers: list[str]
) -> None:
    """Whatever bytes a request has: a token that is not empty, or a refusal from the table."""
    try:
        token = find_token(headers, query, offers)
    except AuthenticationError as error:
        assert_tells_nothing(error)
        return
    assert token
    assert token.isascii()
