"""Pages for moderators: a case, a dispute, and each decision, sanction and appeal in them."""

from collections.abc import Iterator
from datetime import datetime

from command_line.display.money import written_alone
from command_line.display.tables import pairs, quoted, table
from command_line.display.timestamps import full_time, short_time
from command_line.moderation.evidence import evidence_lines
from service_kit.rpc.documents import Document


def case_page(case: Document, now: datetime, width: int | None) -> list[str]:
    """The page of a case."""
    subject = case["subject"]
    lines = [f"case {case['id']}, version {case['version']}"]
    lines += pairs(
        (
            ("about", f"{subject['kind']} {subject['id']}"),
            ("conversation", subject["conversation_id"] if subject["kind"] == "message" else ""),
            ("between", " and ".join(case["participants"])),
            ("against", ", ".join(case["accused"])),
            ("state", state_of(case, now)),
            ("severity", f"{case['severity']}, priority {case['priority']}"),
            ("due", full_time(case.get("due_time"), now)),
            ("opened", full_time(case.get("create_time"), now)),
            ("opened again", case["reopenings"] or ""),
            ("you may", ", ".join(case["allowed_actions"])),
        )
    )
    lines += ["", "reports", *_reports(case, width)]
    for evidence in case["evidence"]:
        lines += ["", *evidence_lines(evidence, now)]
    for decision in case["decisions"]:
        lines += ["", *decision_lines(decision, now)]
    for appeal in case["appeals"]:
        lines += ["", *appeal_lines(appeal, now)]
    return lines


def state_of(case: Document, now: datetime) -> str:
    """The state of a case, or who has claimed it until when."""
    if not case["claimed_by"]:
        return str(case["state"])
    return f"claimed by {case['claimed_by']} until {full_time(case.get('claim_until_time'), now)}"


def _reports(case: Document, width: int | None) -> Iterator[str]:
    rows = [
        (
            short_time(one.get("create_time")),
            one["reporter"],
            one["reason"],
            one["status"],
            one["reporter_standing"],
        )
        for one in case["reports"]
    ]
    headings = ("AT", "REPORTER", "REASON", "STATUS", "STANDING OF THE REPORTER")
    lines = table(headings, rows, None if width is None else width - 2)
    yield f"  {lines[0]}"
    for line, report in zip(lines[1:], case["reports"], strict=True):
        yield f"  {line}"
        yield from quoted(report["comment"])


def decision_lines(decision: Document, now: datetime) -> Iterator[str]:
    """A decision, its note and its sanctions."""
    verdict = str(decision["verdict"]).replace("_", " ")
    yield (
        f"decision {decision['number']}: {verdict}, by {decision['by']}, "
        f"{full_time(decision.get('create_time'), now)}"
    )
    yield f"  {decision['id']}"
    yield from quoted(decision["note"])
    for sanction in decision["sanctions"]:
        yield from sanction_lines(sanction, now)


def sanction_lines(sanction: Document, now: datetime) -> Iterator[str]:
    """A sanction, its statement of reasons, and its end."""
    users = ", ".join(sanction["users"])
    end = full_time(sanction.get("until_time"), now)
    what = str(sanction["kind"]).replace("_", " ")
    about = sanction["message_id"] or ("" if users else sanction["conversation_id"])
    yield (
        f"  {what}{f' {about}' if about else ''}{f': {users}' if users else ''}"
        f"{f', until {end}' if end else ''}"
    )
    statement = sanction.get("statement", {})
    yield from pairs(
        (
            ("sanction", sanction["id"]),
            ("rule", f"{statement.get('rule', '')} ({statement.get('ground', '')})"),
            ("facts", statement.get("facts")),
            ("lifted", full_time(sanction.get("lift_time"), now)),
            ("by", sanction["lifted_by"]),
            ("because", sanction["lift_reason"]),
        ),
        "    ",
    )


def appeal_lines(appeal: Document, now: datetime) -> Iterator[str]:
    """An appeal, its text and its answer."""
    yield f"appeal {appeal['id']}: {appeal['status']}, by {appeal['by']} ({appeal['side']})"
    yield from pairs(
        (
            ("against", f"{appeal['decision_id']}, decided by {appeal['decided_by']}"),
            ("due", full_time(appeal.get("due_time"), now) if appeal["status"] == "open" else ""),
            ("case", appeal["case_id"]),
            ("version", appeal["version"] or ""),
        )
    )
    yield from quoted(appeal["text"])
    if appeal["answer"]:
        yield f"  answer of {appeal['reviewed_by']}:"
        yield from quoted(appeal["answer"])


def dispute_page(dispute: Document, now: datetime) -> list[str]:
    """The page of a dispute."""
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
            ("due", full_time(dispute.get("due_time"), now)),
            ("not held", dispute["refusal"]),
            ("opened", full_time(dispute.get("create_time"), now)),
            ("you may", ", ".join(dispute["allowed_actions"])),
        )
    )
    for statement in dispute["statements"]:
        who = statement["by"]
        lines += ["", f"{who} says, {short_time(statement.get('create_time'))}"]
        lines += quoted(statement["text"])
    for offer in dispute["offers"]:
        at = short_time(offer.get("create_time"))
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
            ("at", full_time(resolution.get("create_time"), now)),
        )
    )
    yield from quoted(resolution["facts"])


def _parts(settlement: Document, dispute: Document) -> list[str]:
    """Both parts of the price, with the decimals of its currency."""
    currency = dispute["price"]["currency"]
    return pairs(
        (
            dispute[role],
            written_alone({"amount_minor": settlement[f"{role}_minor"], "currency": currency}),
        )
        for role in ("provider", "client")
    )
