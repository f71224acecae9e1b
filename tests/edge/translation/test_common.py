"""Payloads become messages of contracts by one table; words and times are those of packets."""

from datetime import UTC, datetime

import pytest
from google.protobuf import text_format
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Struct
from parley.messaging.v1 import messaging_pb2 as messaging_pb
from parley.moderation.v1 import moderation_pb2 as moderation_pb
from parley.negotiation.v1 import negotiation_pb2 as negotiation_pb

from edge.translation.common import request_of, timestamp, words
from parley_protocol.packets import InvalidPayloadError
from parley_protocol.payloads import messaging, moderation, negotiation
from parley_protocol.payloads.fields import Money, Settlement

# Whole payloads and what they ask for. A field that is not said is left to the contract.
REQUESTS: list[tuple[Struct, type[Message], str]] = [
    (
        messaging.AskConversations(limit=7, page="p"),
        messaging_pb.ListConversationsRequest,
        "page_size: 7 page_token: 'p'",
    ),
    (
        messaging.CreateMsg("hi", "c", UNSET, UNSET, "k"),
        messaging_pb.CreateMessageRequest,
        "text: 'hi' conversation_id: 'c' idempotency_key: 'k'",
    ),
    (
        messaging.CreateMsg("hi", UNSET, "bob", "a bike"),
        messaging_pb.CreateMessageRequest,
        "text: 'hi' to: 'bob' subject: 'a bike'",
    ),
    (messaging.OpenedConversation("c", 5), messaging_pb.Mark, "conversation_id: 'c' seq: 5"),
    (messaging.OpenedConversation("c"), messaging_pb.Mark, "conversation_id: 'c'"),
    (
        messaging.AskMessages("c", before=9, limit=2),
        messaging_pb.ListMessagesRequest,
        "conversation_id: 'c' before_seq: 9 page_size: 2",
    ),
    (
        messaging.AskMessages("c", after=0),
        messaging_pb.ListMessagesRequest,
        "conversation_id: 'c' after_seq: 0 page_size: 50",
    ),
    (
        messaging.SendTyping("c", typing=True),
        messaging_pb.TypingSignal,
        "conversation_id: 'c' typing: true",
    ),
    (messaging.SendTyping("c", typing=False), messaging_pb.TypingSignal, "conversation_id: 'c'"),
    (
        messaging.EditMsg("m", "x", "k"),
        messaging_pb.EditMessageRequest,
        "message_id: 'm' text: 'x' idempotency_key: 'k'",
    ),
    (
        messaging.DeleteMsg("m", "k"),
        messaging_pb.DeleteMessageRequest,
        "message_id: 'm' idempotency_key: 'k'",
    ),
    (
        messaging.BlockUser("bob", blocked=True),
        messaging_pb.SetBlockRequest,
        "user: 'bob' blocked: true",
    ),
    (
        negotiation.ServiceCreated("c", "client", "a bike", Money(5, "EUR"), "old", 60, "k"),
        negotiation_pb.CreateServiceRequest,
        (
            "conversation_id: 'c' role: ROLE_CLIENT title: 'a bike' description: 'old'"
            " price { amount_minor: 5 currency: 'EUR' } offer_ttl_seconds: 60 idempotency_key: 'k'"
        ),
    ),
    (
        negotiation.PriceEdited("s", Money(0, ""), 3, "no", "k"),
        negotiation_pb.EditPriceRequest,
        "service_id: 's' price {} base_offer: 3 note: 'no' idempotency_key: 'k'",
    ),
    (
        negotiation.NegotiationEnd("s", "withdrawn", 3),
        negotiation_pb.EndNegotiationRequest,
        "service_id: 's' outcome: NEGOTIATION_OUTCOME_WITHDRAWN offer: 3",
    ),
    (
        negotiation.ServiceTerminated("s", "reopened", "late", "k"),
        negotiation_pb.TerminateServiceRequest,
        "service_id: 's' outcome: TERMINATION_OUTCOME_REOPENED reason: 'late' idempotency_key: 'k'",
    ),
    (
        negotiation.NoteSubmitted("s", 5, "good", "k"),
        negotiation_pb.SubmitNoteRequest,
        "service_id: 's' score: 5 comment: 'good' idempotency_key: 'k'",
    ),
    (
        moderation.ReportMsg("m", "off_platform_payment", "x", "k"),
        moderation_pb.ReportMessageRequest,
        (
            "message_id: 'm' reason: REPORT_REASON_OFF_PLATFORM_PAYMENT comment: 'x'"
            " idempotency_key: 'k'"
        ),
    ),
    (
        moderation.ReportConversations("c", "spam"),
        moderation_pb.ReportConversationRequest,
        "conversation_id: 'c' reason: REPORT_REASON_SPAM",
    ),
    (
        moderation.SendAppeal("d", "no", "k"),
        moderation_pb.CreateAppealRequest,
        "decision_id: 'd' text: 'no' idempotency_key: 'k'",
    ),
    (
        moderation.LitigeCreated("s", "no_show", "x", moderation.Claim(Money(5, "EUR")), "k"),
        moderation_pb.CreateDisputeRequest,
        (
            "service_id: 's' reason: DISPUTE_REASON_NO_SHOW statement: 'x'"
            " refund { amount_minor: 5 currency: 'EUR' } idempotency_key: 'k'"
        ),
    ),
    (
        moderation.LitigeStatement("d", "x", Settlement(3, -4)),
        moderation_pb.SubmitDisputeStatementRequest,
        "dispute_id: 'd' text: 'x' propose { provider_minor: 3 client_minor: -4 }",
    ),
    (
        moderation.LitigeStatement("d", accept=moderation.Acceptance(2, Settlement(3, -4))),
        moderation_pb.SubmitDisputeStatementRequest,
        "dispute_id: 'd' accept { offer: 2 settlement { provider_minor: 3 client_minor: -4 } }",
    ),
    (
        moderation.LitigeStatement("d", withdraw=True),
        moderation_pb.SubmitDisputeStatementRequest,
        "dispute_id: 'd' withdraw: true",
    ),
    # Not withdraw: false, which would be an action.
    (
        moderation.LitigeStatement("d", "x", idempotency_key="k"),
        moderation_pb.SubmitDisputeStatementRequest,
        "dispute_id: 'd' text: 'x' idempotency_key: 'k'",
    ),
]


@pytest.mark.parametrize(("payload", "message", "asked"), REQUESTS)
def test_a_payload_asks_for_what_it_says(
    payload: Struct, message: type[Message], asked: str
) -> None:
    """Each field finds its place under its name in the contract; the actor is the session's."""
    expected = text_format.Parse(f"actor: 'alice' {asked}", message())
    assert request_of(message, payload, "alice") == expected


def test_the_origin_is_told_where_it_is_given() -> None:
    """So that the session that asks is not pushed what it is answered."""
    made = request_of(messaging_pb.Mark, messaging.OpenedConversation("c"), "alice", "session")
    assert made.origin == "session"


@pytest.mark.parametrize(
    ("payload", "message", "field"),
    [
        (messaging.CreateMsg("hi", "\ud800"), messaging_pb.CreateMessageRequest, "conversation"),
        (messaging.EditMsg("m", "a\udfff"), messaging_pb.EditMessageRequest, "text"),
        (
            negotiation.PriceEdited("s", Money(1, "\ud800"), 0),
            negotiation_pb.EditPriceRequest,
            "price.currency",
        ),
        (
            moderation.LitigeCreated("s", "other", "x", moderation.Claim(Money(1, "\ud800"))),
            moderation_pb.CreateDisputeRequest,
            "claim.refund.currency",
        ),
    ],
)
def test_half_a_surrogate_pair_is_refused_under_its_name(
    payload: Struct, message: type[Message], field: str
) -> None:
    """JSON can spell it, a contract cannot carry it; the client is told where it stands."""
    with pytest.raises(InvalidPayloadError, match="not valid Unicode") as caught:
        request_of(message, payload, "alice")
    assert caught.value.field == field


def test_words_are_the_names_of_the_contract_without_their_prefix() -> None:
    """What is unspecified has no word."""
    assert words(negotiation_pb.Role.DESCRIPTOR) == {1: "provider", 2: "client"}


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "1970-01-01T00:00:00.000Z"),
        (0, 999_999_999, "1970-01-01T00:00:00.999Z"),
        (1_700_000_000, 1_000_000, "2023-11-14T22:13:20.001Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_with_milliseconds(seconds: int, nanos: int, text: str) -> None:
    """Always three digits and a Z; what is finer is cut off."""
    assert timestamp(Timestamp(seconds=seconds, nanos=nanos)) == text


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_no_millisecond_is_lost(milliseconds: int) -> None:
    """The text names exactly the stored millisecond, whatever floating point makes of it."""
    value = Timestamp(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)
    read = datetime.fromisoformat(timestamp(value))
    since = read - datetime(1970, 1, 1, tzinfo=UTC)
    assert since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000 == (
        milliseconds
    )
