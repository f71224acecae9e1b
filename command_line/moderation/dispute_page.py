"""A dispute as a moderator reads it."""

from collections.abc import Iterator
from datetime import datetime

from command_line.display.money import written_alone
from command_line.display.tables import pairs, quoted
from command_line.display.timestamps import at_a_glance, moment
from command_line.moderation.case_page import evidence_lines
from command_line.moderation.documents import Document


def dispute_page(dispute: Document, now: datetime) -> list[str]:
    """All of a dispute."""
    lines = [f"dispute {dispute['id']}, version {dispute['version']}"]
    lines += pairs(
        (
            ("service", dispute["service_id"]),
            ("conversation", dispute["conversation_id"]),
            ("provider", dispute["provider"]),
            ("client", dispute["client"]),
            ("opened by", f"{dispute['opened_by']}: {dispute['reason']}"),
            ("price", written_alone(dispute["price"]) if "price" in dispute else ""),
            ("claim", written_alone(dispute["claim"]) if "claim" in dispute else ""),
            ("state", str(dispute["state"]).replace("_", " ")),
            ("due", moment(dispute.get("due_time"), now)),
            ("not held", dispute["refusal"]),
            ("opened", moment(dispute.get("create_time"), now)),
            ("you may", ", ".join(dispute["allowed_actions"])),
        )
    )
    for statement in dispute["statements"]:
        who = statement["by"]
        lines += ["", f"{who} says, {at_a_glance(statement.get('create_time'))}"]
        lines += quoted(statement["text"])
    for offer in dispute["offers"]:
        at = at_a_glance(offer.get("create_time"))
        lines += [
            "",
            f"settlement {offer['number']} offered by {offer['by']}, {at}",
            *_parts(offer["settlement"], dispute),
        ]
    for evidence in dispute["evidence"]:
        lines += ["", *evidence_lines(evidence, now)]
    if "resolution" in dispute:
        lines += ["", *_resolution(dispute["resolution"], dispute, now)]
    return lines


def _resolution(resolution: Document, dispute: Document, now: datetime) -> Iterator[str]:
    cause = str(resolution["cause"]).replace("_", " ")
    by = f" by {resolution['by']}" if resolution["by"] else ""
    yield f"outcome: {resolution['outcome']}, {cause}{by}"
    if "split" in resolution:
        yield from _parts(resolution["split"], dispute)
    yield from pairs(
        (
            ("rule", resolution["rule"]),
            ("at", moment(resolution.get("create_time"), now)),
        )
    )
    yield from quoted(resolution["facts"])


def _parts(settlement: Document, dispute: Document) -> list[str]:
    """Who is to have what, with the decimals of the currency."""
    currency = dispute["price"]["currency"]
    return pairs(
        (
            dispute[role],
            written_alone({"amount_minor": settlement[f"{role}_minor"], "currency": currency}),
        )
        for role in ("provider", "client")
    )
