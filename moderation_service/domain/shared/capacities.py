"""The capacities in which people, negotiation and time act."""

from enum import StrEnum


class Capacity(StrEnum):
    """In what capacity somebody acts, in the words of the document and of the audit log."""

    REPORTER = "reporter"
    MODERATOR = "moderator"
    HOLDER = "moderator who has claimed it"
    REVIEWER = "moderator who did not decide it"
    CONCERNED = "sanctioned, or a reporter"
    PARTY = "either party"
    OPENER = "party that opened it"
    OTHER = "party that did not make the offer"
    NEGOTIATION = "negotiation"
    DATA_PROTECTION = "data protection"
    TIME = "time"


# Those who answer for what they do with other people's matters.
NAMED = frozenset(
    {Capacity.MODERATOR, Capacity.HOLDER, Capacity.REVIEWER, Capacity.DATA_PROTECTION}
)
