"""A dispute in words: its last event and its state, on one line for one of its parties."""

from collections.abc import Mapping
from typing import Any

from command_line.display.deals import name_of, quote, time_of
from command_line.display.money import written_alone

Dispute = Mapping[str, Any]

CAUSES = {
    "created": "opened",
    "hold_placed": "opened, and the deal waits for it",
    "hold_refused": "not possible",
    "held_late": "let go again",
    "stated": "statement",
    "settlement_proposed": "settlement offered",
    "settled": "settled",
    "withdrawn": "withdrawn",
    "review_started": "moderators look at it",
    "statement_removed": "a statement was removed",
    "statement_restored": "a statement is there again",
    "decided": "decided by a moderator",
    "respondent_silent": "over, for no answer came in time",
    "moderators_silent": "over, for nobody decided in time",
    "hold_resolved": "over",
    "hold_unresolvable": "over",
}
STATES = {
    "pending_hold": "being opened",
    "open": "both state their case",
    "under_review": "moderators decide",
    "resolved_pending": "being closed",
    "resolved": "over",
    "refused": "not possible",
}
OUTCOMES = {
    "resume": "the deal goes on",
    "completed": "the deal is completed",
    "cancelled": "the deal is cancelled",
    "split": "the price is split",
}


def summary(dispute: Dispute, me: str, cause: str | None = None) -> str:
    """One line: the event `cause`, or else the state, and the present details."""
    state = STATES.get(dispute["state"], dispute["state"].replace("_", " "))
    happened = state if cause is None else CAUSES.get(cause, cause.replace("_", " "))
    reason = dispute["reason"].replace("_", " ")
    head = f"dispute ({reason}, opened by {name_of(dispute['opened_by'], me)}): {happened}"
    return "; ".join((head, *_present(dispute, me, cause)))


def parts(settlement: Mapping[str, Any], dispute: Dispute, me: str) -> str:
    """The parts of a settlement, as text."""
    currency = dispute["price"]["currency"]
    found = [
        f"{written_alone({'amount_minor': minor, 'currency': currency})} {goes} "
        f"{name_of(dispute[role], me)}"
        for role, goes in (("provider", "for"), ("client", "back to"))
        if (minor := settlement[f"{role}_minor"])
    ]
    return ", ".join(found)


def _present(dispute: Dispute, me: str, cause: str | None) -> list[str]:
    found = []
    if cause in {"created", "hold_placed"} and "claim" in dispute:
        refund = written_alone(dispute["claim"]["refund"])
        found.append(f"{refund} wanted back for {name_of(dispute['client'], me)}")
    if cause in {None, "created", "stated"} and dispute.get("statements"):
        said = dispute["statements"][-1]
        who = f"#{said['number']} {name_of(said['by'], me)}"
        removed = ["(removed)"] if said.get("removed") else []
        found += [f"{who}: {words}" for words in removed or quote(said["text"])]
    if (
        dispute.get("offers")
        and cause in {None, "settlement_proposed"}
        and "resolution" not in dispute
    ):
        offer = dispute["offers"][-1]
        found.append(
            f"settlement {offer['number']} of {name_of(offer['by'], me)}: "
            f"{parts(offer['settlement'], dispute, me)}"
        )
    if "refusal" in dispute:
        found.append(dispute["refusal"].replace("_", " ").lower())
    if "resolution" in dispute:
        found += _outcome(dispute, me)
    elif "due_at" in dispute:
        found.append(f"until {time_of(dispute['due_at'])}")
    return found


def _outcome(dispute: Dispute, me: str) -> list[str]:
    resolution = dispute["resolution"]
    found = [OUTCOMES.get(resolution["outcome"], resolution["outcome"])]
    if "split" in resolution:
        found.append(parts(resolution["split"], dispute, me))
    return [*found, *quote(resolution.get("facts")), *quote(resolution.get("rule"))]
