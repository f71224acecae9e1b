"""Cursors survive the way to the client and back, and hostile ones are refused."""

import base64
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cursors import (
    HISTORY,
    MESSAGING,
    MODERATION,
    NEGOTIATION,
    BadCursorError,
    Cursors,
    Position,
)

_cursors = Cursors("one credential")
encode, decode = _cursors.encode, _cursors.decode

_words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=36)
_services = st.sampled_from([MESSAGING, NEGOTIATION, MODERATION, HISTORY])
# As databases are made, as sockets are named, and anything else.
_epochs = st.uuids().map(lambda made: made.hex) | st.uuids().map(str) | _words
_positions = st.dictionaries(
    _services | _words,
    st.builds(Position, _epochs, st.integers(min_value=0, max_value=10**18 - 1)),
    max_size=4,
)


def plain_of(positions: dict[str, Position]) -> bytes:
    """The bytes that are sealed in the cursor of these positions."""
    sealed = base64.urlsafe_b64decode(encode(positions) + "==")
    return _cursors._seal.decrypt(sealed[4:], None)


@given(_positions)
def test_a_cursor_comes_back_as_it_was_made(positions: dict[str, Position]) -> None:
    """Every position of every service is kept."""
    assert decode(encode(positions)) == positions


@given(_positions)
def test_a_cursor_needs_no_escaping_in_a_url(positions: dict[str, Position]) -> None:
    """It goes into `?resume=` as it is."""
    cursor = encode(positions)
    assert all(character.isalnum() or character in "-_" for character in cursor)
    assert cursor.isascii()


def test_the_order_of_services_does_not_matter() -> None:
    """Two edges make the same cursor of the same positions."""
    first, second = Position("e", 1), Position("f", 2)
    assert encode({"a": first, "b": second}) == encode({"b": second, "a": first})


def test_no_positions_make_an_empty_cursor() -> None:
    """Before the first position is known there is nothing to keep."""
    assert encode({}) == ""
    assert decode("") == {}


@given(st.text(max_size=200))
def test_any_text_is_a_cursor_or_a_bad_cursor(text: str) -> None:
    """Nothing but the named error comes of hostile text."""
    try:
        decode(text)
    except BadCursorError:
        return


@given(_positions.filter(bool), st.data())
def test_a_changed_cursor_is_a_bad_cursor(
    positions: dict[str, Position], data: st.DataObject
) -> None:
    """Nobody makes a cursor but an edge, and so none that harms."""
    sealed = bytearray(base64.urlsafe_b64decode(encode(positions) + "=="))
    # What comes before says by which secret it is sealed.
    at = data.draw(st.integers(min_value=4, max_value=len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(min_value=1, max_value=255))
    for forged in (sealed, sealed[:at]):
        with pytest.raises(BadCursorError):
            decode(base64.urlsafe_b64encode(forged).decode().rstrip("="))


@given(_positions.filter(bool))
def test_a_cursor_tells_nothing_to_who_lacks_the_secret(positions: dict[str, Position]) -> None:
    """Neither the revisions, which count what happens to everybody, nor the names of databases."""
    content = base64.urlsafe_b64decode(encode(positions) + "==")
    for epoch, _revision in positions.values():
        assert len(epoch) < 4 or epoch.encode() not in content
    assert plain_of(positions) not in content


@given(_positions)
def test_a_cursor_of_another_secret_proves_nothing(positions: dict[str, Position]) -> None:
    """After a change of the credential clients ask for everything anew: no mistake of theirs."""
    assert Cursors("another credential").decode(encode(positions)) == {}


def test_edges_with_the_same_secret_make_the_same_cursor() -> None:
    """So one reads what another has made, and equal places have equal texts."""
    positions = {"a": Position("e", 1)}
    assert Cursors("one credential").encode(positions) == encode(positions)


def test_a_cursor_is_short() -> None:
    """Every packet that is pushed bears one: three services, each after a million changes."""
    positions = {
        service: Position(uuid4().hex, 1_000_000)
        for service in (MESSAGING, NEGOTIATION, MODERATION)
    }
    assert len(encode(positions)) <= 110


@given(_positions.filter(bool))
def test_a_cursor_of_before_is_read(positions: dict[str, Position]) -> None:
    """Clients keep the last one, and an update of the edge costs nobody a reload."""
    plain = ",".join(f"{service}:{at.epoch}:{at.revision}" for service, at in positions.items())
    sealed = _cursors._mark + _cursors._seal.encrypt(plain.encode(), None)
    assert decode(base64.urlsafe_b64encode(sealed).decode().rstrip("=")) == positions
