"""Following moderation: storing whom it restricts, and removing and restoring texts of deals."""

from collections.abc import Sequence
from functools import partial

from negotiation_service.domain.history import number_events
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.removals import remove_texts, texts_by
from negotiation_service.operations.unit_of_work import UnitOfWork
from negotiation_service.storage import removed_texts
from negotiation_service.storage.deals import find_histories
from negotiation_service.storage.removed_texts import Place
from service_kit.follow.sanctions import CaughtUp, Command, Removal, find_forbidden, take
from service_kit.rules import is_identifier
from service_kit.storage.writer import Operation, Transaction


def follow_moderation(
    limits: Limits, transaction: Transaction, commands: Sequence[Command]
) -> list[tuple[Removal, ...]]:
    """Carry out what moderation says, each once; give the removals of texts unknown here."""
    return [
        _apply(limits, transaction, *_removals(transaction, command))
        if take(transaction, command)
        else ()
        for command in commands
    ]


def following(limits: Limits) -> Operation[Command, tuple[Removal, ...]]:
    """Bind the limits: made once, for the writer groups by identity."""
    return partial(follow_moderation, limits)


def _removals(transaction: Transaction, command: Command) -> tuple[str, Sequence[Removal]]:
    """Give an epoch of moderation and its removals; in the end also that it holds no others."""
    if isinstance(command, CaughtUp):
        held = removed_texts.find_removed_by_others(transaction.connection, command.epoch)
        return command.epoch, [
            Removal("", "", False, service, number, restored_authors=(author,))  # noqa: FBT003
            for service, number, author in held
        ]
    return command.position.epoch, command.removals


def _apply(
    limits: Limits, transaction: Transaction, epoch: str, removals: Sequence[Removal]
) -> tuple[Removal, ...]:
    # Most are about messages that have nothing to do with a service.
    removals = [one for one in removals if is_identifier(one.service)]
    if not removals:
        return ()
    connection, now = transaction.connection, transaction.now
    services = {one.service for one in removals}
    work = UnitOfWork(transaction, services, ())
    events = {
        (service, number): event
        for service, history in find_histories(connection, services).items()
        for event, number in number_events(None, [event for _, event in history])
        if number
    }
    held: dict[Place, bool] = {}
    unknown: list[Removal] = []
    for one in removals:
        event = events.get((one.service, one.number))
        if event is None:
            unknown.append(one)
            continue
        for author in (*one.removed_authors, *one.restored_authors):
            removed = author in one.removed_authors
            names, deal = texts_by(event, author), work.deals[one.service]
            work.record(remove_texts(deal, names, now, limits, removed=removed))
            held[Place(one.service, one.number, author)] = removed
    parties = {party for deal in work.deals.values() for party in deal.parties}
    places = {deal.conversation for deal in work.deals.values()}
    work.store({}, limits, find_forbidden(connection, parties, places, now))
    removed_texts.update_removed(connection, held, epoch)
    return tuple(unknown)
