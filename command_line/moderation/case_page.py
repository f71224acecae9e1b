"""A case as a moderator reads it: one page with all that is known."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from command_line.display.deals import quote, recorded
from command_line.display.tables import pairs, quoted, table
from command_line.display.timestamps import at_a_glance, moment
from command_line.moderation.documents import Document

LONGEST_LIST = 200


def case_page(case: Document, now: datetime, width: int | None) -> list[str]:
    """All of a case."""
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
            ("due", moment(case.get("due_time"), now)),
            ("opened", moment(case.get("create_time"), now)),
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
    """The state, and who works on it until when."""
    if not case["claimed_by"]:
        return str(case["state"])
    return f"claimed by {case['claimed_by']} until {moment(case.get('claim_until_time'), now)}"


def _reports(case: Document, width: int | None) -> Iterator[str]:
    rows = [
        (
            at_a_glance(one.get("create_time")),
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


def evidence_lines(evidence: Document, now: datetime) -> Iterator[str]:
    """A snapshot: what it is, whether it is what was taken, and what it shows."""
    took = moment(evidence.get("take_time"), now)
    erased = evidence.get("erase_time")
    if erased:
        state = f"erased {moment(erased, now)}"
    elif evidence["intact"]:
        state = "intact"
    else:
        state = "NOT INTACT: this is not what was taken"
    yield f"evidence: {evidence['kind']}, taken {took}, {state}"
    yield f"  sha256 {evidence['sha256']}, {evidence['size']} bytes"
    if evidence["content"]:
        yield from _content(evidence["content"])


def _content(content: str) -> Iterator[str]:
    """Messages as a conversation is read, with their earlier texts; anything else as a tree."""
    try:
        shown = json.loads(content)
    except ValueError:
        yield from quoted(content)
        return
    if isinstance(shown, dict) and isinstance(shown.get("events"), list):
        yield from _deal(shown)
        return
    if not isinstance(shown, dict) or not isinstance(shown.get("messages"), list):
        yield from _tree(shown, "    ")
        return
    for entry in shown["messages"]:
        if isinstance(entry, dict) and isinstance(entry.get("message"), dict):
            yield from _message(entry, str(shown.get("reported")))
        else:
            yield from _tree({"message": entry}, "    ")
    if shown.get("left_out"):
        yield f"    {shown['left_out']} further messages were left out"
    if shown.get("deal") == "unavailable":
        yield "    the deal could not be seen then"


def _message(entry: dict[str, Any], reported: str) -> Iterator[str]:
    """A message; => marks the one that was reported, and what it said before comes first."""
    message = entry["message"]
    mark = "=>" if message.get("id") == reported else "  "
    at = at_a_glance(message.get("create_time"))
    gone = str(message.get("tombstone", "")).removeprefix("TOMBSTONE_").lower()
    sender, identifier = message.get("sender") or "*", message.get("id", "")
    head = f"  {mark} #{message.get('seq')} {at} {sender} {identifier}"
    yield f"{head} ({gone})" if gone else head
    for version in entry.get("versions") or ():
        yield from quoted(f"(before) {version.get('text', '')}", "       ")
    if message.get("text"):
        yield from quoted(str(message["text"]), "       ")
    if "event" in message:
        yield f"       {_event(message['event'])}"


def _deal(shown: dict[str, Any]) -> Iterator[str]:
    """What happened to a deal, one event on a line, and then all else that was seen of it."""
    for event in shown["events"]:
        if isinstance(event, dict):
            yield f"    {at_a_glance(event.get('create_time'))} {_event(event)}"
    if shown.get("left_out"):
        yield f"    {shown['left_out']} earlier events were left out"
    if shown.get("messages") == "unavailable":
        yield "    what was said could not be seen then"
    yield from _tree(shown.get("service", {}), "    ")


def _event(event: dict[str, Any]) -> str:
    """An event as the history of a conversation shows it."""
    offer = event.get("offer")
    # Of a deal's own event the offer is an object with its price and note.
    details = offer if isinstance(offer, dict) else {**event, "number": offer}
    money = details.get("price") or details
    told = {"cause": "", "title": "", **event}
    if "amount_minor" in money:
        told["price"] = {
            "amount_minor": int(money["amount_minor"]),
            "currency": str(money.get("currency")),
        }
        told["offer"] = details.get("number")
    note = details.get("note")
    return recorded(told, me="") + "".join(f"; {words}" for words in quote(note))


def _tree(value: Any, indent: str) -> Iterator[str]:
    """Names and values, one on a line, those of what is within further in."""
    entries = value.items() if isinstance(value, dict) else enumerate(value, start=1)
    for name, inner in list(entries)[:LONGEST_LIST]:
        label = str(name)
        if isinstance(inner, dict | list):
            yield f"{indent}{label}:"
            yield from _tree(inner, f"{indent}  ")
        elif isinstance(inner, str) and "\n" in inner:
            yield f"{indent}{label}:"
            yield from quoted(inner, f"{indent}  ")
        else:
            yield f"{indent}{label}: {inner}"


def decision_lines(decision: Document, now: datetime) -> Iterator[str]:
    """A decision with what it imposed, and why."""
    verdict = str(decision["verdict"]).replace("_", " ")
    yield (
        f"decision {decision['number']}: {verdict}, by {decision['by']}, "
        f"{moment(decision.get('create_time'), now)}"
    )
    yield f"  {decision['id']}"
    yield from quoted(decision["note"])
    for sanction in decision["sanctions"]:
        yield from sanction_lines(sanction, now)


def sanction_lines(sanction: Document, now: datetime) -> Iterator[str]:
    """A sanction, its statement of reasons, and how it ended if it did."""
    users = ", ".join(sanction["users"])
    end = moment(sanction.get("until_time"), now)
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
            ("lifted", moment(sanction.get("lift_time"), now)),
            ("by", sanction["lifted_by"]),
            ("because", sanction["lift_reason"]),
        ),
        "    ",
    )


def appeal_lines(appeal: Document, now: datetime) -> Iterator[str]:
    """An appeal with its text, and the answer if there is one."""
    yield f"appeal {appeal['id']}: {appeal['status']}, by {appeal['by']} ({appeal['side']})"
    yield from pairs(
        (
            ("against", f"{appeal['decision_id']}, decided by {appeal['decided_by']}"),
            ("due", moment(appeal.get("due_time"), now) if appeal["status"] == "open" else ""),
            ("case", appeal["case_id"]),
            ("version", appeal["version"] or ""),
        )
    )
    yield from quoted(appeal["text"])
    if appeal["answer"]:
        yield f"  answer of {appeal['reviewed_by']}:"
        yield from quoted(appeal["answer"])
