"""The unit of work of a transaction: its deals as the commands leave them, stored at once."""

from collections.abc import Iterable, Mapping

from negotiation_service.domain.decision import Decision
from negotiation_service.domain.entities import Deal
from negotiation_service.domain.events import offer_made, recipients
from negotiation_service.domain.history import Numbered, ServiceChanged, number_events
from negotiation_service.domain.limits import Limits
from negotiation_service.domain.views import Snapshot
from negotiation_service.storage import deals as storage
from negotiation_service.storage.deals import UsedKey
from service_kit.follow.sanctions import Forbidden
from service_kit.idempotency import Key
from service_kit.storage.bulk_statements import bulk_write
from service_kit.storage.writer import Transaction


class UnitOfWork:
    """Holds the deals that a transaction is about, and what happens to them.

    `deals` are by id, and `open_deals` the ids of those that were open last, by conversation.
    """

    def __init__(
        self, transaction: Transaction, services: Iterable[str], conversations: Iterable[str]
    ) -> None:
        connection = transaction.connection
        found = storage.find_open(connection, conversations)
        self.transaction = transaction
        self.open_deals = {conversation: deal.id for conversation, deal in found.items()}
        self.deals = {deal.id: deal for deal in found.values()}
        self.deals |= storage.find_deals(connection, services)
        self.created: dict[str, None] = {}
        self.changed: dict[str, None] = {}
        self.events: list[Numbered] = []
        # Of each event, the task that led to it, for its trace.
        self.causes: list[object] = []
        # The views of each deal as it stands by now, by reader; a change begins anew.
        self.views: dict[str, dict[str, Snapshot]] = {}

    def open_deal(self, conversation: str) -> Deal | None:
        """Give the deal of a conversation that is open, or was last."""
        return self.deals.get(self.open_deals.get(conversation, ""))

    def record(self, decision: Decision, cause: object = None) -> None:
        """Keep what a decision has changed; `cause` is the task that was decided."""
        if not decision.events:
            return
        deal = decision.deal
        before = self.deals.get(deal.id)
        self.events += number_events(before, decision.events)
        self.causes += [cause] * len(decision.events)
        self.deals[deal.id] = deal
        self.views[deal.id] = {}
        if before is None:
            self.created[deal.id] = None
            self.open_deals[deal.conversation] = deal.id
        elif deal.id not in self.created:
            self.changed[deal.id] = None

    def store(self, new_keys: Mapping[Key, UsedKey], limits: Limits, forbidden: Forbidden) -> None:
        """Write all that is new, and notify whom it concerns."""
        transaction, connection = self.transaction, self.transaction.connection
        revision = transaction.revision
        # What is no longer open makes room for what is.
        changed = [self.deals[one] for one in sorted(self.changed)]
        created = [self.deals[one] for one in self.created]
        storage.update_deals(connection, changed, revision)
        storage.insert_deals(connection, created, revision)
        made = [(event.service, offer) for event, _ in self.events if (offer := offer_made(event))]
        happened = [(self.deals[event.service], event, number) for event, number in self.events]
        told = [(deal, recipients(deal, event), event) for deal, event, _ in happened]
        storage.forget_timers(connection, changed)
        bulk_write(
            connection,
            storage.insertion_of_offers(made, revision),
            storage.insertion_of_events(told, revision),
            storage.insertion_of_timers([*changed, *created]),
            storage.insertion_of_keys(new_keys.items(), revision, transaction.now),
        )
        for (deal, event, number), cause in zip(happened, self.causes, strict=True):
            restricted = restricted_parties(deal, forbidden)
            notification = ServiceChanged(
                event, number, deal, transaction.now, limits, restricted, self.views[deal.id]
            )
            transaction.emit(recipients(deal, event), notification, cause)


def restricted_parties(deal: Deal, forbidden: Forbidden) -> tuple[str, ...]:
    """Give the parties of a deal whom a sanction restricts there."""
    return tuple(one for one in deal.parties if forbidden.why(one, deal.conversation))
