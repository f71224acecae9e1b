"""From the contract of moderation to payloads: everything for people, nothing for moderators."""

from typing import get_args

import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb

from edge.cursors import MODERATION
from edge.push.render import RENDERERS, render
from edge.translation import moderation
from edge.translation.common import words
from parley_protocol.packets import Op
from parley_protocol.payloads import moderation as payloads
from tests.edge.moderated import sanction, sanctioned

TIME = Timestamp(seconds=1_700_000_000, nanos=123_000_000)
TEXT = "2023-11-14T22:13:20.123Z"
# What a service puts into fields for moderators must not get any further.
SECRET = "only for moderators"
APPEAL = pb.Appeal(
    id="a",
    decision_id="d",
    text="no",
    status=pb.APPEAL_STATUS_OPEN,
    create_time=TIME,
    by=SECRET,
    side=SECRET,
    case_id=SECRET,
    decided_by=SECRET,
    reviewed_by=SECRET,
)
REPORT = pb.Report(
    id="r",
    subject=pb.Subject(kind=pb.SUBJECT_KIND_MESSAGE, id="m", conversation_id="c"),
    reason=pb.REPORT_REASON_OFF_PLATFORM_PAYMENT,
    comment="x",
    status=pb.REPORT_STATUS_IN_REVIEW,
    create_time=TIME,
    appeal=APPEAL,
)


def whole_sanction() -> pb.Sanction:
    """A sanction with all that a moderator is told."""
    made = sanction("banned")
    made.users.append(SECRET)
    made.case_id = made.imposed_by = made.lifted_by = made.lift_reason = SECRET
    made.appeal.CopyFrom(APPEAL)
    return made


def whole_dispute() -> pb.Dispute:
    return pb.Dispute(
        id="d",
        service_id="s",
        conversation_id="c",
        version=4,
        reason=pb.DISPUTE_REASON_NO_SHOW,
        state=pb.DISPUTE_STATE_RESOLVED,
        price=pb.Money(amount_minor=5, currency="EUR"),
        statements=[pb.DisputeStatement(by="alice", text="x", create_time=TIME)],
        offers=[pb.SettlementOffer(number=1, by="bob", settlement=pb.Settlement(client_minor=5))],
        resolution=pb.Resolution(
            outcome=pb.DISPUTE_OUTCOME_SPLIT,
            cause="decided",
            split=pb.Settlement(provider_minor=2, client_minor=3),
            by=SECRET,
        ),
        evidence=[pb.Evidence(id=SECRET, content=SECRET)],
    )


def events() -> list[pb.Event]:
    """One of each that people are told."""
    to = ["bob"]
    return [
        pb.Event(recipients=to, report_status_changed=pb.ReportStatusChanged(report=REPORT)),
        pb.Event(recipients=to, sanctioned=pb.Sanctioned(sanction=whole_sanction())),
        pb.Event(recipients=to, sanction_lifted=pb.SanctionLifted(sanction=whole_sanction())),
        pb.Event(recipients=to, appeal_status_changed=pb.AppealStatusChanged(appeal=APPEAL)),
        pb.Event(
            recipients=to,
            dispute_changed=pb.DisputeChanged(cause="decided", views=[whole_dispute()]),
        ),
    ]


@pytest.mark.parametrize("event", events(), ids=lambda event: event.WhichOneof("event"))
def test_nothing_for_moderators_reaches_a_person(event: pb.Event) -> None:
    """Not who reported, decided or lifted, even if a service has filled it in (M4)."""
    alert = render(MODERATION, event, "bob")
    assert alert is not None
    assert RENDERERS[MODERATION].is_stored(event)
    assert SECRET.encode() not in msgspec.json.encode(alert.payload)


def test_each_event_is_told_by_its_packet() -> None:
    """And what is for the edge and for services alone, by none; it moves no cursor."""
    alerts = [render(MODERATION, event, "bob") for event in events()]
    assert [alert.op for alert in alerts if alert] == [
        Op.REPORT_STATUS,
        Op.SANCTION,
        Op.SANCTION,
        Op.REPORT_STATUS,
        Op.UPDATE_CONVERSATION_DATAS,
    ]
    for event in (
        pb.Event(standing_changed=pb.StandingChanged()),
        pb.Event(conversation_lock_changed=pb.ConversationLockChanged()),
        pb.Event(message_removal_changed=pb.MessageRemovalChanged()),
        pb.Event(),
    ):
        assert render(MODERATION, event, "bob") is None
        assert not RENDERERS[MODERATION].is_stored(event)


def test_a_report_says_where_it_stands() -> None:
    """The words are those of the contract; a conversation has no message."""
    shown = moderation.report_payload(REPORT, duplicate=True)
    assert (shown.status, shown.reason) == ("in_review", "off_platform_payment")
    assert shown.subject == payloads.Subject("c", "m")
    assert (shown.created_at, shown.duplicate) == (TEXT, True)
    whole = pb.Report()
    whole.CopyFrom(REPORT)
    whole.subject.kind = pb.SUBJECT_KIND_CONVERSATION
    assert moderation.report_payload(whole).subject == payloads.Subject("c")
    whole.subject.kind = pb.SUBJECT_KIND_STATEMENT
    whole.subject.number = 2
    shown = moderation.report_payload(whole)
    assert shown.subject == payloads.Subject("c", dispute="m", number=2)


def test_a_sanction_is_lifted_when_it_says_so() -> None:
    """What has an end is not lifted by it."""
    assert not moderation.sanction_payload(sanction("muted", until=1)).lifted
    assert moderation.sanction_payload(sanction("muted", lifted=True)).lifted


def test_a_removed_statement_is_named_by_its_dispute_and_number() -> None:
    """To whom it concerns, and in the dispute."""
    told = sanction("statement_removed")
    told.ClearField("message_id")
    told.dispute_id, told.number = "d", 2
    shown = msgspec.to_builtins(moderation.sanction_payload(told))
    assert (shown["kind"], shown["dispute"], shown["number"]) == ("statement_removed", "d", 2)
    assert "message" not in shown
    dispute = whole_dispute()
    dispute.statements[0].number, dispute.statements[0].removed = 1, True
    (statement,) = msgspec.to_builtins(moderation.dispute_payload(dispute))["statements"]
    assert (statement["number"], statement["removed"]) == (1, True)


def test_a_dispute_is_shown_to_the_party_as_the_service_shows_it() -> None:
    """Each recipient has a view, in the order of the recipients."""
    views = [whole_dispute(), whole_dispute()]
    views[1].allowed_actions.append("accept")
    changed = pb.DisputeChanged(cause="stated", views=views)
    event = pb.Event(recipients=["alice", "bob"], dispute_changed=changed)
    alert = render(MODERATION, event, "bob")
    assert alert is not None
    shown = msgspec.to_builtins(alert.payload)
    assert shown["cause"] == "stated"
    assert "service" not in shown
    assert shown["dispute"]["allowed_actions"] == ["accept"]
    assert shown["dispute"]["resolution"]["split"] == {"provider_minor": 2, "client_minor": 3}


def test_every_word_of_a_payload_is_one_of_the_contract() -> None:
    """A value that the contract gains makes this fail, and someone document it."""
    for documented, enumeration in (
        (payloads.ReportReason, pb.ReportReason.DESCRIPTOR),
        (payloads.DisputeReason, pb.DisputeReason.DESCRIPTOR),
        (payloads.SanctionKind, pb.SanctionKind.DESCRIPTOR),
    ):
        assert set(get_args(documented)) == set(words(enumeration).values())


def test_an_unknown_sanction_of_a_newer_service_is_told_as_unspecified() -> None:
    """Its statement says what it is about, and it can be appealed against."""
    event = sanctioned("bob", kind="muted")
    event.sanctioned.sanction.kind = 99  # type: ignore[assignment]
    alert = render(MODERATION, event, "bob")
    assert alert is not None
    assert isinstance(alert.payload, payloads.Sanction)
    assert alert.payload.kind == "unspecified"
    assert alert.payload.statement.facts == "Advertised."
