"""Commands about cases and disputes alike."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EraseUser:
    """Erase what one person wrote in one case or dispute. `alias` takes the place of the name.

    It is given for each case and dispute that the person has a part in.
    """

    actor: str
    roles: tuple[str, ...]
    user: str
    alias: str


@dataclass(frozen=True, slots=True)
class ExpireEvidence:
    """Time: nothing says any more that the evidence must be kept."""
