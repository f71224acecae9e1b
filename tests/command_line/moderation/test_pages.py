"""Cases and disputes as they are read, with hostile texts in every place for text."""

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from parley.moderation.v1 import moderation_pb2 as pb

from command_line.display.printable import printable
from command_line.moderation.client import ModerationClient
from command_line.moderation.pages import case_page
from command_line.moderation.session import Session
from service_kit.rpc.documents import document
from service_kit.rpc.servicer import timestamp

NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
AT = timestamp(1_700_000_000_000)
DEAL = {
    "events": [
        {
            "cause": "countered",
            "by": "bob",
            "title": "Tap",
            "offer": {
                "number": "2",
                "price": {"amount_minor": "12050", "currency": "EUR"},
                "note": "New valve",
            },
        }
    ],
    "service": {"state": "agreed"},
}
EVENT = {
    "cause": "agreed",
    "by": "bob",
    "title": "Tap",
    "amount_minor": "12050",
    "currency": "EUR",
    "offer": "2",
}
EVIL = "</script>\x1b[2J\u202eevil\nclaimed by mia"


def hostile(message: Any) -> Any:
    """The message with hostile text in each field that is text, at every depth."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.name != "Timestamp":
            if field.is_repeated:
                hostile(getattr(message, field.name).add())
            else:
                getattr(message, field.name).SetInParent()
                hostile(getattr(message, field.name))
        elif field.message_type is None and field.cpp_type == field.CPPTYPE_STRING:
            if field.is_repeated:
                getattr(message, field.name).append(EVIL)
            else:
                setattr(message, field.name, EVIL)
    return message


def test_nothing_that_others_wrote_reaches_the_terminal_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In every field of a case and of a dispute: no control character and no line of its own."""
    case = hostile(pb.Case(create_time=AT, due_time=AT))
    case.evidence[0].content = json.dumps(
        {
            "reported": EVIL,
            "messages": [
                {
                    "message": {"seq": EVIL, "sender": EVIL, "text": EVIL},
                    "versions": [{"text": EVIL}],
                },
                EVIL,
            ],
        }
    )
    dispute = hostile(pb.Dispute(price=pb.Money(amount_minor=1, currency="EUR")))
    dispute.price.currency = EVIL
    dispute.evidence[0].content = json.dumps({EVIL: {EVIL: [EVIL, 1]}})
    session = Session(cast("ModerationClient", None), as_json=False)
    session.answer_case(document(case))
    session.answer_dispute(document(dispute))
    lines = capsys.readouterr().out.split("\n")
    assert any("evil" in line for line in lines)
    for line in lines:
        assert printable(line) == line
        assert not line.lstrip().startswith("claimed by mia")


def test_a_case_shows_what_a_decision_needs() -> None:
    """Version, state, due time, reports with comments, the reported message among the others."""
    content = {
        "subject": "Tap, you fool",
        "reported": "m2",
        "messages": [
            {"message": {"id": "m1", "seq": "1", "sender": "alice", "text": "Hello"}},
            {
                "message": {
                    "id": "m2",
                    "seq": "2",
                    "sender": "bob",
                    "create_time": "2023-11-14T22:13:20.057Z",
                    "tombstone": "TOMBSTONE_DELETED",
                },
                "versions": [{"text": "You fool\nYou"}],
            },
            {"message": {"id": "m3", "seq": "3", "sender": "", "event": EVENT}},
        ],
        "left_out": 3,
        "deal": "unavailable",
    }
    case = pb.Case(
        id="c1",
        version=4,
        subject=pb.Subject(kind=pb.SUBJECT_KIND_MESSAGE, id="m2", conversation_id="k1"),
        participants=["alice", "bob"],
        accused=["bob"],
        state=pb.CASE_STATE_CLAIMED,
        severity=pb.SEVERITY_HIGH,
        priority=302,
        due_time=timestamp(1_700_000_000_000 + 3 * 3_600_000),
        claimed_by="mia",
        claim_until_time=timestamp(1_700_000_000_000 + 1_800_000),
        reports=[
            pb.CaseReport(
                id="r1",
                reporter="alice",
                reason=pb.REPORT_REASON_HARASSMENT,
                comment="He does this\nall the time.",
                status=pb.REPORT_STATUS_IN_REVIEW,
                create_time=AT,
                reporter_standing="new",
            )
        ],
        evidence=[
            pb.Evidence(kind="messages", sha256="a" * 64, content=json.dumps(content), intact=True),
            pb.Evidence(kind="deal", sha256="b" * 64, content=json.dumps(DEAL), intact=False),
        ],
        allowed_actions=["renew", "release", "decide"],
    )
    page = "\n".join(case_page(document(case), NOW, 80))
    for words in (
        "case c1, version 4",
        "claimed by mia until",
        "(in 30 min)",
        "(in 3 h)",
        "alice     harassment  in_review  new",
        "    | He does this\n    | all the time.",
        "    subject: Tap, you fool\n",
        "     #1  alice m1\n       | Hello\n",
        " bob m2 (deleted)\n       | (before) You fool\n       | You\n",
        '     #3  * m3\n       "Tap" agreed by bob: 120.50 EUR (offer 2)\n',
        "    3 further messages were left out\n    the deal could not be seen then",
        "NOT INTACT",
        '\n     "Tap" countered by bob: 120.50 EUR (offer 2); "New valve"\n    state: agreed',
    ):
        assert words in page, page
