"""The reads on a real database."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from negotiation_service.domain.commands import PlaceHold
from negotiation_service.domain.entities import FINAL, State
from negotiation_service.domain.refusals import Reason
from negotiation_service.operations import queries
from service_kit.pages import encode_token
from service_kit.rules import Position
from service_kit.storage.clock import read_position
from tests.negotiation_service import deals
from tests.support.serving import Database, pages


def test_get_service_and_all_else_tell_a_stranger_nothing(database: Database) -> None:
    """To one who is no party every command and read says what it says of what does not exist."""
    first = deals.proposed()
    database.run(deals.carry_out, first)
    for service in (first.service, "0" * 36):
        outcomes = database.run(
            deals.carry_out,
            deals.edited("eve", service, 1, 1),
            deals.accepted("eve", service),
            deals.terminated("eve", service, "delivered"),
            deals.noted("eve", service),
            PlaceHold(service, "dispute", "eve"),
        )
        assert deals.reasons(outcomes) == [Reason.SERVICE_NOT_FOUND] * 5
        assert {one.current for one in outcomes} == {None}
        shown = database.read(queries.get_service, "eve", service, database.now, deals.LIMITS)
        history = database.read(queries.list_service_events, "eve", service, 0, "", 10)
        assert {outcomes[0], shown} == {outcomes[0]} == {outcomes[0], history}
    found = database.read(queries.batch_get_services, "eve", ["c", "x"], database.now, deals.LIMITS)
    assert found == []
    for conversation in ("", "c"):
        page = listed(database, "eve", conversation)
        assert page == queries.ServicePage([], "")


def listed(
    database: Database,
    actor: str,
    conversation: str = "",
    *,
    size: int = 0,
    token: str = "",
    open_only: bool = False,
) -> Any:
    """A page of services."""
    asked = (actor, conversation, size, token, 100, database.now, deals.LIMITS)
    return database.read(queries.list_services, *asked, open_only=open_only)


def all_pages(
    database: Database, actor: str, conversation: str = "", *, open_only: bool = False
) -> list[str]:
    """The ids of all pages of two."""
    read = partial(listed, database, actor, conversation, size=2, open_only=open_only)
    return [one.service for page in pages(lambda token: read(token=token)) for one in page.services]


def test_list_services_newest_first_and_complete(database: Database) -> None:
    """In pages, of an actor in either role and of a conversation; also the open ones alone."""
    made: list[Any] = []
    for number in range(7):
        command = deals.proposed(f"c{number % 3}", actor=("ann", "bob")[number % 2])
        database.run(deals.carry_out, command)
        made.append(command)
        if number < 4:
            database.run(deals.carry_out, deals.ended(command.actor, command.service, "withdrawn"))
    database.run(deals.carry_out, deals.proposed("theirs", actor="eve", other="dan"))
    newest = [one.service for one in reversed(made)]
    assert all_pages(database, "ann") == all_pages(database, "bob") == newest
    assert all_pages(database, "ann", open_only=True) == newest[:3]
    in_one = [one.service for one in reversed(made) if one.conversation == "c0"]
    assert all_pages(database, "ann", "c0") == all_pages(database, "", "c0") == in_one
    assert all_pages(database, "ann", "c0", open_only=True) == in_one[:1]
    # What has expired is open no more, whether or not its timer has fired.
    database.now += deals.LIMITS.offer_ttl
    assert all_pages(database, "ann", open_only=True) == []
    shown = listed(database, "ann").services
    assert {one.state for one in shown} == {State.CLOSED} <= FINAL


def test_batch_get_services_gives_the_open_or_latest_of_each(database: Database) -> None:
    """One of each, whatever the order asked; none for what has none."""
    expected: dict[str, str] = {}
    for conversation in ("c1", "c2", "c1", "c3", "c2"):
        command = deals.proposed(conversation)
        database.run(deals.carry_out, command)
        expected[conversation] = command.service
        if conversation != "c3":
            database.run(deals.carry_out, deals.ended("ann", command.service, "withdrawn"))
    asked = ["none", "c3", "c1", "c2", "c1", "\0", ""]
    for actor in ("ann", "bob", ""):
        shown = database.read(queries.batch_get_services, actor, asked, database.now, deals.LIMITS)
        assert {one.conversation: one.service for one in shown} == expected
        assert len(shown) == 3


def all_entries(read: Callable[[str, int], Any]) -> list[Any]:
    return [one for page in pages(lambda token: read(token, 10)) for one in page.entries]


def test_list_service_events_in_pages_without_a_hole(database: Database) -> None:
    """Numbered 1, 2, 3 ... in pages of any size, for a party and for an internal service."""
    first = deals.proposed()
    database.run(deals.carry_out, first, *deals.to_completion(first.service))
    for actor in ("ann", "bob", ""):
        for size in (1, 3, 4, 5):
            asked = (queries.list_service_events, actor, first.service, size)
            found = all_entries(partial(database.read, *asked))
            assert [one.number for one in found] == [1, 2, 3, 4]
            assert [one.event.cause for one in found] == [
                "created", "agreed", "delivered", "completed",
            ]  # fmt: skip


@pytest.mark.parametrize("token", ["?", "A" * 999, encode_token(1, "a", "b"), "\0", "é"])
def test_a_forged_token_is_refused(database: Database, token: str) -> None:
    first = deals.proposed()
    database.run(deals.carry_out, first)
    assert listed(database, "ann", token=token).field == "page_token"
    history = database.read(queries.list_service_events, "ann", first.service, 0, token, 10)
    assert history.field == "page_token"


def test_list_changes_of_another_epoch_tells_nothing(database: Database) -> None:
    now = database.read(read_position)
    page = database.read(
        queries.list_changes,
        "ann",
        Position("other", 0),
        now,
        0,
        "",
        500,
        0,
        deals.LIMITS,
        everything=False,
    )
    assert (page.complete, page.changes) == (False, [])


def test_list_changed_users_are_those_with_changes(database: Database) -> None:
    """Parties of deals in which something happened that they may learn of."""
    first, other = deals.proposed(), deals.proposed("c2", actor="carol", other="dan", key="k2")
    people = ["ann", "bob", "carol", "dan", "nobody"]

    def changed(after: Position) -> set[str]:
        now = database.read(read_position)
        found = database.read(queries.list_changed_users, people, after, now)
        for user in people:
            page = database.read(
                queries.list_changes,
                user,
                after,
                now,
                0,
                "",
                500,
                0,
                deals.LIMITS,
                everything=False,
            )
            assert (user in found.users) == bool(page.changes)
        return set(found.users)

    start = database.read(read_position)
    database.run(deals.carry_out, first)
    middle = database.read(read_position)
    database.run(deals.carry_out, other)
    assert changed(start) == {"ann", "bob", "carol", "dan"}
    assert changed(middle) == {"carol", "dan"}
    assert changed(database.read(read_position)) == set()
