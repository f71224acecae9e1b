"""The rules of keeping evidence and of erasing a person.

Evidence is kept while something can still depend on it: a case that is not decided, an appeal that
is open or possible, a sanction in force, a dispute and the time after it. Then it expires. On
request what a person wrote goes with it, from the events as well, and an alias takes the place of
their name; that something was erased stays, and that something had happened.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any

from moderation_service.domain.shared.evidence import Evidence
from moderation_service.domain.shared.refusals import Reason
from service_kit.rules import Refusal

ERASED = "[erased]"


class KeptBecause(StrEnum):
    """Why something is kept, also from who asks to be erased (Regulation (EU) 2016/679, 17, 3)."""

    CASE_OPEN = "CASE_OPEN"
    APPEAL_OPEN = "APPEAL_OPEN"
    APPEAL_POSSIBLE = "APPEAL_POSSIBLE"
    SANCTION_IN_FORCE = "SANCTION_IN_FORCE"
    DISPUTE_OPEN = "DISPUTE_OPEN"
    DISPUTE_RECENT = "DISPUTE_RECENT"


@dataclass(frozen=True, slots=True)
class Kept:
    """A reason, and until when it holds; None while nobody can say."""

    because: KeptBecause
    until: int | None


def longest(reasons: Iterable[Kept], now: int) -> Kept | None:
    """Give the reason that holds longest, as far as anybody can say; None when none holds now."""
    holding = [one for one in reasons if one.until is None or now < one.until]
    return max(holding, key=lambda one: (one.until is None, one.until or 0), default=None)


def expiry(evidence: tuple[Evidence, ...], kept: Kept | None, now: int) -> int | None:
    """Tell when evidence expires unless something happens; None while nobody can say, or if there
    is none.
    """
    if is_deleted(evidence):
        return None
    return now if kept is None else kept.until


def is_deleted(evidence: tuple[Evidence, ...]) -> bool:
    """Tell whether nothing is left of any evidence."""
    return all(one.erased_at is not None for one in evidence)


def refuse_kept(kept: Kept) -> Refusal:
    """Refuse to erase what has to be kept."""
    return Refusal(Reason.KEPT, f"this is kept: {kept.because}", current=kept)


def rewrite(thing: Any, user: str, alias: str, erase_words: Callable[[Any, str], Any]) -> Any:
    """Give a thing with an alias in the place of a user, each part of it without their words."""
    thing = erase_words(thing, user)
    if isinstance(thing, tuple):
        return tuple(rewrite(one, user, alias, erase_words) for one in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        changed = {
            field.name: rewrite(value, user, alias, erase_words)
            for field in fields(thing)
            if isinstance(value := getattr(thing, field.name), str | tuple) or is_dataclass(value)
        }
        return replace(thing, **changed)
    # Members of an enumeration are words of ours, whatever anybody is called.
    return alias if type(thing) is str and thing == user else thing


def erased(words: str) -> str:
    """Give what stands in the place of words; nothing for none."""
    return ERASED if words else ""
