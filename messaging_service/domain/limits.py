"""The limits that the rules know, from the settings."""

from dataclasses import dataclass
from enum import StrEnum

MINUTE = 60_000
HOUR = 60 * MINUTE


class Opening(StrEnum):
    """The setting that says who may open a conversation by writing to somebody."""

    ANYONE = "anyone"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts, lengths in characters, and times in milliseconds."""

    opening: Opening = Opening.ANYONE
    openings_per_hour: int = 60
    text: int = 4_000
    subject: int = 200
    edit_window: int = 15 * MINUTE
    edits_per_message: int = 20
    blocks_per_user: int = 1_000
    # Whether one who has written, and was never answered, is shown who is online.
    presence_to_strangers: bool = False
