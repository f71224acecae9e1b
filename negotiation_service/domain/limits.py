"""The limits and durations of the rules; the settings give them their values."""

from collections.abc import Mapping
from dataclasses import dataclass

from negotiation_service.domain.entities import Timer

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Limits:
    """Amounts in minor units, lengths in characters, durations in milliseconds.

    `currencies` are the known ones with the number of decimals of their minor unit. A reminder
    comes its time before the deadline, and not at all if there is less time than that. With a
    `min_price` of 0 a service may be free. Without `moderation` nobody can open a dispute.
    """

    currencies: Mapping[str, int]
    moderation: bool = True
    min_price: int = 1
    max_price: int = 10**12
    rounds: int = 50
    amendments: int = 50
    reopenings: int = 3
    disputes: int = 5
    submissions: int = 100
    services: int = 60
    title: int = 120
    description: int = 4_000
    offer_note: int = 500
    reason: int = 500
    comment: int = 2_000
    offer_ttl: int = 48 * HOUR
    min_offer_ttl: int = 5 * MINUTE
    max_offer_ttl: int = 14 * DAY
    delivery: int = 30 * DAY
    completion: int = 7 * DAY
    cancellation: int = 48 * HOUR
    dispute: int = 14 * DAY
    notes: int = 14 * DAY
    offer_reminder: int = 6 * HOUR
    delivery_reminder: int = 3 * DAY
    completion_reminder: int = 24 * HOUR
    cancellation_reminder: int = 6 * HOUR

    def duration(self, timer: Timer, offer_ttl: int) -> int:
        """Tell how long a timer runs; each offer of a deal has the `offer_ttl` of that deal."""
        return offer_ttl if timer is Timer.OFFER else int(getattr(self, timer))

    def lead(self, reminder: Timer) -> int:
        """Tell how long before its timer a reminder comes."""
        return int(getattr(self, reminder))
