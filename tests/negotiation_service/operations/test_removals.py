"""Texts that moderation removes: in the deal, its history and what is told again; and restored."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from negotiation_service.operations import queries
from negotiation_service.operations.removals import follow_moderation
from negotiation_service.storage.tables import idempotency_keys, service_events
from service_kit.follow.sanctions import CaughtUp, Removal, RestrictionChanges
from service_kit.idempotency import fingerprint
from service_kit.rules import Position
from service_kit.storage.clock import read_position
from tests.negotiation_service import deals
from tests.support.serving import Database

FOLLOW = partial(follow_moderation, deals.LIMITS)


def removal(service: str, number: int, author: str, *, removed: bool = True) -> Removal:
    authors = ((author,), ()) if removed else ((), (author,))
    return Removal("c", "message", removed, service, number, *authors)


def told(revision: int, *removals: Removal, epoch: str = "one") -> RestrictionChanges:
    return RestrictionChanges(Position(epoch, revision), (), removals)


@pytest.fixture
def service(database: Database) -> str:
    """A deal in which ann has named a price with a slur; moderation is followed."""
    database.run(FOLLOW, told(0))
    proposal = deals.proposed(service="service-texts")
    database.run(deals.carry_out, proposal)
    database.run(deals.carry_out, deals.edited("ann", proposal.service, 9_000, 1, note="slur"))
    return proposal.service


def notes(database: Database, service: str) -> list[Any]:
    """The note of the live offer, as each is shown it and as the history tells it."""
    found = []
    for reader in ("ann", "bob", ""):
        shown = database.read(queries.get_service, reader, service, 0, deals.LIMITS)
        page = database.read(queries.list_service_events, reader, service, 0, "", 200)
        found += [shown.offer.note, page.entries[1].offer.note]
    return found


def test_a_text_is_removed_and_restored(database: Database, service: str) -> None:
    """For both and for services; told as an event, and never in what is told again."""
    start = database.read(read_position)._replace(revision=0)
    assert notes(database, service) == ["slur"] * 6
    before = len(database.events)
    database.run(FOLLOW, told(1, removal(service, 2, "ann")), told(2, removal(service, 2, "ann")))
    assert notes(database, service) == [""] * 6
    (event,) = [one for _, _, one in database.events[before:]]
    assert event.event.cause == "text_removed"
    assert {event.view(one).offer.note for one in ("ann", "bob")} == {""}
    page = database.read(
        queries.list_changes,
        "bob",
        start,
        database.read(read_position),
        0,
        "",
        500,
        0,
        deals.LIMITS,
        everything=False,
    )
    views = [one.view("bob") for change in page.changes for _, one in change[1]]
    assert "slur" not in str(views)
    database.run(FOLLOW, told(3, removal(service, 2, "ann", removed=False)))
    assert notes(database, service) == ["slur"] * 6


def test_of_revealed_notes_that_of_the_author_is_removed(database: Database, service: str) -> None:
    """The other's stays; what is unknown is given back, to be logged."""
    for command in (
        deals.accepted("bob", service, 2, 9_000),
        deals.terminated("ann", service, "delivered"),
        deals.terminated("bob", service, "completed"),
        deals.noted("ann", service, "slur"),
        deals.noted("bob", service, "fine"),
    ):
        database.run(deals.carry_out, command)
    page = database.read(queries.list_service_events, "bob", service, 0, "", 200)
    (revealed,) = [one.number for one in page.entries if one.event.cause == "notes_revealed"]
    unknown = removal("another-service", 1, "ann")
    (given,) = database.run(FOLLOW, told(1, removal(service, revealed, "ann"), unknown))
    assert given == (unknown,)
    shown = {
        reader: database.read(queries.get_service, reader, service, 0, deals.LIMITS).notes
        for reader in ("ann", "bob")
    }
    assert (shown["ann"].mine.comment, shown["ann"].theirs.comment) == ("", "fine")
    assert (shown["bob"].mine.comment, shown["bob"].theirs.comment) == ("fine", "")
    both = Removal("c", "message", True, service, revealed, ("ann", "bob"))
    database.run(FOLLOW, told(2, both))
    notes = database.read(queries.get_service, "ann", service, 0, deals.LIMITS).notes
    assert (notes.mine.comment, notes.theirs.comment) == ("", "")
    one = Removal("c", "message", True, service, revealed, ("bob",), ("ann",))
    database.run(FOLLOW, told(3, one))
    notes = database.read(queries.get_service, "ann", service, 0, deals.LIMITS).notes
    assert (notes.mine.comment, notes.theirs.comment) == ("slur", "")


def test_a_repeat_shows_nothing_that_is_removed(database: Database) -> None:
    """The first answer again, but for what is gone by now."""
    database.run(FOLLOW, told(0))
    proposal = deals.proposed(key="k", description="slur")
    database.run(deals.carry_out, proposal)
    database.run(FOLLOW, told(1, removal(proposal.service, 1, "ann")))
    (again,) = database.run(deals.carry_out, proposal)
    assert again.duplicate
    assert (again.service.title, again.service.description) == ("", "")


def test_a_digest_stands_beside_its_text(database: Database) -> None:
    """What is removed can be restored, so no text goes; then a digest tells nothing more, and the
    key of its command is recognised.
    """
    proposal = deals.proposed(service="service-digests")
    edit = deals.edited("ann", proposal.service, 9_000, 1, note="1234", idempotency_key="k")
    database.run(FOLLOW, told(0))
    database.run(deals.carry_out, proposal)
    database.run(deals.carry_out, edit)
    database.run(FOLLOW, told(1, removal(proposal.service, 2, "ann")))
    with database.engine.connect() as connection:
        digests = connection.execute(select(idempotency_keys.c.fingerprint)).scalars().all()
        written = connection.execute(select(service_events.c.event)).scalars().all()
    assert fingerprint(edit) in digests
    assert any("1234" in one for one in written)
    (again,) = database.run(deals.carry_out, edit)
    assert (again.duplicate, again.service.offer.note) == (True, "")


def test_what_another_moderation_removed_is_restored(database: Database, service: str) -> None:
    """When the new one is applied in full and does not hold it."""
    database.run(FOLLOW, told(1, removal(service, 2, "ann")))
    database.run(FOLLOW, told(0, epoch="two"))
    assert notes(database, service) == [""] * 6
    database.run(FOLLOW, CaughtUp("two"))
    assert notes(database, service) == ["slur"] * 6
    database.run(FOLLOW, told(1, removal(service, 2, "ann"), epoch="two"), CaughtUp("two"))
    assert notes(database, service) == [""] * 6
