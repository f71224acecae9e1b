"""Queries: one function for each RPC that reads, of the same name, in one read transaction.

What is due has happened: services are shown as they stand at `now`, in milliseconds UTC, whether
or not their timers have fired.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from negotiation_service.domain import history
from negotiation_service.domain.commands import CreateService, PartyCommand
from negotiation_service.domain.entities import FINAL, Deal
from negotiation_service.domain.events import Event, evolve
from negotiation_service.domain.history import Entry, Notification, ServiceChanged
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.refusals import service_not_found
from negotiation_service.domain.texts import INTERNAL
from negotiation_service.domain.views import Snapshot, show
from negotiation_service.operations.unit_of_work import restricted_parties
from negotiation_service.storage import deals as storage
from negotiation_service.storage.deals import PageKey, StoredEvent
from negotiation_service.storage.statements import CHANGED_PARTIES
from service_kit.follow.sanctions import Forbidden, find_forbidden
from service_kit.pages import NEWEST, bounded_size, decode_token, encode_token
from service_kit.rules import Position, Refusal, check_user, invalid, is_identifier
from service_kit.storage.changed_users import find_changed_users
from service_kit.watch import changes
from service_kit.watch.changes import ChangedUsers, ChangePage


class ServicePage(NamedTuple):
    """A page of services, newest first; an empty token ends the list."""

    services: list[Snapshot]
    next_page_token: str


class EntryPage(NamedTuple):
    """A page of a history, oldest first; an empty token ends the list."""

    entries: list[Entry]
    next_page_token: str


def _check_reader(field: str, reader: str) -> Refusal | None:
    return None if reader == INTERNAL else check_user(field, reader)


def _find(connection: Connection, reader: str, service: str) -> Deal | Refusal:
    """Find a deal for a party or an internal service."""
    if refusal := _check_reader("actor", reader):
        return refusal
    deals = storage.find_deals(connection, filter(is_identifier, (service,)))
    deal = deals.get(service)
    return deal if deal and _may_see(deal, reader) else service_not_found()


def _may_see(deal: Deal, reader: str) -> bool:
    return reader == INTERNAL or reader in deal.parties


def get_service(
    connection: Connection, actor: str, service: str, now: int, limits: Limits
) -> Snapshot | Refusal:
    """Show a service."""
    deal = _find(connection, actor, service)
    if isinstance(deal, Refusal):
        return deal
    (shown,) = _show(connection, (deal,), actor, now, limits)
    return shown


def find_conversations_to_ask(
    connection: Connection, commands: Sequence[PartyCommand]
) -> list[str]:
    """Find the conversations of commands about which messaging has to be asked.

    Empty for a repeated command, which is answered as it was, and for what is none of the actor's.
    """
    used = storage.find_keys(connection, [key for one in commands if (key := one.key)])
    services = {one.service for one in commands if not isinstance(one, CreateService)}
    deals = storage.find_deals(connection, services)

    def conversation_of(command: PartyCommand) -> str:
        if command.key in used:
            return ""
        if isinstance(command, CreateService):
            return command.conversation
        deal = deals.get(command.service)
        return deal.conversation if deal and command.actor in deal.parties else ""

    return [conversation_of(one) for one in commands]


def batch_get_services(
    connection: Connection, actor: str, conversations: Sequence[str], now: int, limits: Limits
) -> list[Snapshot] | Refusal:
    """Show the open service of each conversation, or its latest; those of others are left out."""
    if refusal := _check_reader("actor", actor):
        return refusal
    found = storage.find_latest(connection, filter(is_identifier, conversations))
    return _show(connection, found, actor, now, limits)


def _show(
    connection: Connection, deals: Sequence[Deal], reader: str, now: int, limits: Limits
) -> list[Snapshot]:
    """Show those of the deals that the reader may see."""
    seen = [deal for deal in deals if _may_see(deal, reader)]
    forbidden = _find_forbidden(connection, seen, reader, now)
    return [show(deal, reader, now, limits, restricted_parties(deal, forbidden)) for deal in seen]


def _find_forbidden(
    connection: Connection, deals: Sequence[Deal], reader: str, now: int
) -> Forbidden:
    """Find what restricts a reader of these deals; a service is not restricted."""
    if reader == INTERNAL or not deals:
        return Forbidden()
    return find_forbidden(connection, (reader,), {deal.conversation for deal in deals}, now)


def list_services(
    connection: Connection,
    actor: str,
    conversation: str,
    page_size: int,
    page_token: str,
    most: int,
    now: int,
    limits: Limits,
    *,
    open_only: bool,
) -> ServicePage | Refusal:
    """List the services of an actor or of a conversation."""
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    if refusal := _check_reader("actor", actor):
        return refusal
    if not actor and not conversation:
        return invalid("actor", "is missing")
    below = PageKey(NEWEST, "")
    if page_token:
        decoded = decode_token(page_token, 2)
        if isinstance(decoded, Refusal):
            return decoded
        revision, (service,) = decoded
        below = PageKey(revision, service)
    if conversation and not is_identifier(conversation):
        return ServicePage([], "")
    if conversation and open_only:
        deals, token = [*storage.find_open(connection, (conversation,)).values()], ""
    else:
        if conversation:
            found = storage.page_of_conversation(connection, conversation, below, count + 1)
        else:
            found = storage.page_of_party(connection, actor, below, count + 1, open_only=open_only)
        deals = [deal for _, deal in found[:count]]
        token = encode_token(*found[count - 1][0]) if len(found) > count else ""
    # The two people of a conversation are the parties of all that it has.
    shown = _show(connection, deals, actor, now, limits)
    if open_only:
        shown = [one for one in shown if one.state not in FINAL]
    return ServicePage(shown, token)


def list_service_events(
    connection: Connection,
    actor: str,
    service: str,
    page_size: int,
    page_token: str,
    most: int,
) -> EntryPage | Refusal:
    """List the events of a service. The limits bound their number, so all are read at once."""
    count = bounded_size(page_size, most)
    if isinstance(count, Refusal):
        return count
    deal = _find(connection, actor, service)
    if isinstance(deal, Refusal):
        return deal
    start = 0
    if page_token:
        # Counted among what this reader may know of, so that it says nothing of a sealed note.
        decoded = decode_token(page_token, 1)
        if isinstance(decoded, Refusal):
            return decoded
        start, _ = decoded
    events = [event for _, event in storage.find_histories(connection, (service,))[service]]
    entries = history.entries(deal, events, actor)
    end = start + count
    return EntryPage(entries[start:end], encode_token(end) if end < len(entries) else "")


def list_changes(
    connection: Connection,
    user: str,
    after: Position,
    until: Position,
    page_size: int,
    page_token: str,
    most: int,
    now: int,
    limits: Limits,
    *,
    everything: bool,
) -> ChangePage[Notification] | Refusal:
    """List the notifications that `user` missed, without a user all: after < revision <= until.

    Each shows the service as it was told then, but for a sanction that stands `now`.
    """
    if refusal := _check_reader("user", user):
        return refusal
    if everything and user:
        return invalid("everything", "is not what a user is told")
    read = partial(_changes, connection, user, now, limits)
    return changes.list_changes(connection, after, until, page_size, page_token, most, read)


def list_changed_users(
    connection: Connection, users: Iterable[str], after: Position, until: Position
) -> ChangedUsers | Refusal:
    """Give those of `users` for whom `list_changes` has something."""
    find = partial(find_changed_users, connection, CHANGED_PARTIES)
    return changes.list_changed_users(connection, users, after, until, find)


def _changes(
    connection: Connection,
    user: str,
    now: int,
    limits: Limits,
    start: int,
    until: int,
    count: int | None,
) -> list[tuple[int, Notification]]:
    most = NEWEST if count is None else count
    stored = storage.changed_events(connection, user, start, until, most)
    histories = storage.find_histories(connection, {one.event.service for one in stored})
    pasts = {service: _Past(events) for service, events in histories.items()}
    deals = [past.deal for past in pasts.values()]
    forbidden = _find_forbidden(connection, deals, user, now)
    return [
        (one.revision, pasts[one.event.service].notification(one, limits, forbidden))
        for one in stored
    ]


class _Past:
    """The stages of a deal: how it stood after each revision, and when; and its events' numbers."""

    def __init__(self, events: Sequence[tuple[int, Event]]) -> None:
        self.stages: dict[int, tuple[Deal, int]] = {}
        self.numbers = {
            event.seq: number
            for event, number in history.number_events(None, [event for _, event in events])
        }
        deal: Deal | None = None
        for revision, event in events:
            deal = evolve(deal, event)
            self.stages[revision] = (deal, event.at)

    @property
    def deal(self) -> Deal:
        """The latest stage."""
        return self.stages[max(self.stages)][0]

    def notification(
        self, stored: StoredEvent, limits: Limits, forbidden: Forbidden
    ) -> Notification:
        """Tell an event as it was told when it happened."""
        deal, at = self.stages[stored.revision]
        # What is gone by now is not told again.
        deal = replace(deal, removed=self.deal.removed)
        number = self.numbers[stored.event.seq]
        restricted = restricted_parties(deal, forbidden)
        changed = ServiceChanged(stored.event, number, deal, at, limits, restricted)
        return stored.recipients, changed
