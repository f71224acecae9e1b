"""Bad and hostile requests over real gRPC: each is refused by the name of what is wrong."""

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from parley.negotiation.v1 import negotiation_pb2 as pb

from tests.support.serving import METADATA
from tests.support.waiting import PATIENCE

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
METHODS = pb.DESCRIPTOR.services_by_name["NegotiationService"].methods


def method_of(request: Message) -> str:
    return type(request).__name__.removesuffix("Request")


def euros(amount: int, currency: str = "EUR") -> pb.Money:
    return pb.Money(amount_minor=amount, currency=currency)


async def test_every_method_wants_the_credential(client: Any, refused: Any) -> None:
    for method in (one.name for one in METHODS):
        for metadata in ((), (("authorization", "Bearer wrong"),)):
            # A refusal waits for no request: one that is written may meet a closed stream.
            streams = method.startswith("Stream")
            given = () if streams else (getattr(pb, f"{method}Request")(),)
            call = getattr(client.stub, method)(*given, metadata=metadata, timeout=PATIENCE)
            awaitable = call.read() if streams or method == "Watch" else call
            await refused(awaitable, grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


LARGE = 2**63 - 1
AGREED, DECLINED = pb.NEGOTIATION_OUTCOME_AGREED, pb.NEGOTIATION_OUTCOME_DECLINED
CANCELLED = pb.TERMINATION_OUTCOME_CANCELLED
RESUME, SPLIT = pb.HOLD_OUTCOME_RESUME, pb.HOLD_OUTCOME_SPLIT
# Of an enumeration that is newer than this service.
UNKNOWN: Any = 99
SQL = "x' OR '1'='1"
BIDI = "\N{RIGHT-TO-LEFT OVERRIDE}ecneF"
# Each changes a creation that is good.
BAD_CREATIONS: list[tuple[dict[str, Any], str]] = [
    ({"actor": ""}, "actor"),
    ({"actor": "a" * 129}, "actor"),
    ({"actor": "ann\0"}, "actor"),
    ({"actor": BIDI}, "actor"),
    ({"role": 0}, "role"),
    ({"role": 99}, "role"),
    ({"title": ""}, "title"),
    ({"title": " \t "}, "title"),
    ({"title": "x" * 121}, "title"),
    ({"title": "a\0b"}, "title"),
    ({"title": "a\nb"}, "title"),
    ({"title": BIDI}, "title"),
    ({"description": "x" * 4_001}, "description"),
    ({"description": "a\0b"}, "description"),
    ({"price": None}, "price"),
    ({"price": euros(0)}, "price.amount_minor"),
    ({"price": euros(-1)}, "price.amount_minor"),
    ({"price": euros(-LARGE - 1)}, "price.amount_minor"),
    ({"price": euros(10**12 + 1)}, "price.amount_minor"),
    ({"price": euros(LARGE)}, "price.amount_minor"),
    ({"price": euros(1, "")}, "price.currency"),
    ({"price": euros(1, "eur")}, "price.currency"),
    ({"price": euros(1, "XXX")}, "price.currency"),
    ({"price": euros(1, "XAU")}, "price.currency"),
    ({"price": euros(1, "EUR\0")}, "price.currency"),
    ({"price": euros(1, "E" * 100_000)}, "price.currency"),
    ({"offer_ttl_seconds": 299}, "offer_ttl_seconds"),
    ({"offer_ttl_seconds": 14 * 86_400 + 1}, "offer_ttl_seconds"),
    ({"offer_ttl_seconds": LARGE}, "offer_ttl_seconds"),
    ({"offer_ttl_seconds": -1}, "offer_ttl_seconds"),
    ({"idempotency_key": "k" * 65}, "idempotency_key"),
    ({"idempotency_key": "\0"}, "idempotency_key"),
    ({"idempotency_key": BIDI}, "idempotency_key"),
]


async def test_a_bad_proposal_names_its_field(client: Any, refused: Any) -> None:
    """Zero, negative, absurd and unknown money, and every other field, however hostile; no refusal
    spends a revision.
    """
    before = (await client.watch()).first.position
    for changes, field in BAD_CREATIONS:
        request = client.creation(conversation_id="nobody asks for it", **changes)
        await refused(client.call("CreateService", request), INVALID, "INVALID_ARGUMENT", field)
    assert (await client.watch()).first.position == before


STRANGE_IDS = ["", SQL, "\0", "é", "x" * 65, "0" * 36]


async def test_an_unknown_conversation_is_not_found(client: Any, refused: Any) -> None:
    """No such conversation, or none of the actor's: refused in the same words."""
    theirs = await client.open_conversation("carol", "dan")
    for one in (*STRANGE_IDS, theirs):
        request = client.creation(conversation_id=one)
        await refused(client.call("CreateService", request), NOT_FOUND, "CONVERSATION_NOT_FOUND")


# Of a service that ann has proposed to bob, which is left out here, and the field at fault.
BAD_COMMANDS: list[tuple[Message, str]] = [
    (pb.EditPriceRequest(price=euros(1), base_offer=1), "actor"),
    (pb.EditPriceRequest(actor="bob", base_offer=1), "price"),
    (pb.EditPriceRequest(actor="bob", price=euros(0), base_offer=1), "price.amount_minor"),
    (pb.EditPriceRequest(actor="bob", price=euros(LARGE), base_offer=1), "price.amount_minor"),
    (pb.EditPriceRequest(actor="bob", price=euros(1, "JPY"), base_offer=1), "price.currency"),
    (pb.EditPriceRequest(actor="bob", price=euros(1, "\0"), base_offer=1), "price.currency"),
    (pb.EditPriceRequest(actor="bob", price=euros(1), base_offer=-1), "base_offer"),
    (pb.EditPriceRequest(actor="bob", price=euros(1), base_offer=1, note="x" * 501), "note"),
    (pb.EditPriceRequest(actor="bob", price=euros(1), base_offer=1, note="\0"), "note"),
    (pb.EndNegotiationRequest(actor="bob", offer=1, price=euros(10_000)), "outcome"),
    (pb.EndNegotiationRequest(actor="bob", outcome=UNKNOWN, offer=1), "outcome"),
    (pb.EndNegotiationRequest(actor="bob", outcome=AGREED, price=euros(10_000)), "offer"),
    (pb.EndNegotiationRequest(actor="bob", outcome=AGREED, offer=-LARGE), "offer"),
    (pb.EndNegotiationRequest(actor="bob", outcome=AGREED, offer=1), "price"),
    (pb.EndNegotiationRequest(actor="\0", outcome=AGREED, offer=1), "actor"),
    (pb.TerminateServiceRequest(actor="bob"), "outcome"),
    (pb.TerminateServiceRequest(actor="bob", outcome=UNKNOWN), "outcome"),
    (pb.TerminateServiceRequest(actor="bob", outcome=CANCELLED, reason="x" * 501), "reason"),
    (pb.TerminateServiceRequest(actor="bob", outcome=CANCELLED, reason="\0"), "reason"),
    (pb.SubmitNoteRequest(actor="bob"), "score"),
    (pb.SubmitNoteRequest(actor="bob", score=6), "score"),
    (pb.SubmitNoteRequest(actor="bob", score=-(2**31)), "score"),
    (pb.SubmitNoteRequest(actor="bob", score=5, comment="x" * 2_001), "comment"),
    (pb.SubmitNoteRequest(actor="bob", score=5, comment="\0"), "comment"),
    (pb.SubmitNoteRequest(actor="bob", score=5, idempotency_key="k" * 65), "idempotency_key"),
    (pb.PlaceHoldRequest(opened_by="bob"), "dispute"),
    (pb.PlaceHoldRequest(dispute="\0", opened_by="bob"), "dispute"),
    (pb.PlaceHoldRequest(dispute="d" * 65, opened_by="bob"), "dispute"),
    (pb.PlaceHoldRequest(dispute="d"), "opened_by"),
    (pb.PlaceHoldRequest(dispute="d", opened_by="b" * 129), "opened_by"),
    (pb.ResolveHoldRequest(dispute="d"), "outcome"),
    (pb.ResolveHoldRequest(outcome=RESUME), "dispute"),
    (pb.ResolveHoldRequest(dispute="d", outcome=SPLIT), "split"),
    (pb.ResolveHoldRequest(dispute="d", outcome=RESUME, split=pb.Settlement()), "split"),
    (
        pb.ResolveHoldRequest(
            dispute="d", outcome=SPLIT, split=pb.Settlement(provider_minor=-1, client_minor=10_001)
        ),
        "split.provider_minor",
    ),
    (pb.ListServiceEventsRequest(actor="bob", page_size=-1), "page_size"),
    (pb.ListServiceEventsRequest(actor="bob", page_token="?"), "page_token"),
    (pb.ListServiceEventsRequest(actor="\0"), "actor"),
    (pb.GetServiceRequest(actor="\0"), "actor"),
]


async def test_a_bad_command_names_its_field(client: Any, refused: Any) -> None:
    """Every field of every command about a service; nothing of it leaves a trace."""
    shown = await client.create()
    for request, field in BAD_COMMANDS:
        whole: Any = type(request)()
        whole.CopyFrom(request)
        whole.service_id = shown.id
        await refused(client.call(method_of(whole), whole), INVALID, "INVALID_ARGUMENT", field)
    assert (await client.call("GetService", actor="ann", service_id=shown.id)).service == shown


async def test_a_price_that_is_not_on_the_table_is_stale(client: Any, refused: Any) -> None:
    """However absurd, it is not the live offer, and the answer shows what is."""
    shown = await client.create()
    prices = [euros(LARGE), euros(-LARGE), euros(10_000, "JPY"), euros(10_000, "\0")]
    changes: list[dict[str, Any]] = [{"offer": LARGE}, *({"price": price} for price in prices)]
    for wrong in changes:
        found = await refused(client.accept("bob", shown, **wrong), PRECONDITION, "STALE_OFFER")
        assert found["Service"].offer == shown.offer


async def test_an_unknown_service_is_not_found(client: Any, refused: Any) -> None:
    requests: list[Any] = [
        pb.EditPriceRequest(actor="bob", price=euros(1), base_offer=1),
        pb.EndNegotiationRequest(actor="bob", outcome=DECLINED, offer=1),
        pb.TerminateServiceRequest(actor="bob", outcome=CANCELLED),
        pb.SubmitNoteRequest(actor="bob", score=5),
        pb.PlaceHoldRequest(dispute="d", opened_by="bob"),
        pb.ResolveHoldRequest(dispute="d", outcome=RESUME),
        pb.GetServiceRequest(actor="bob"),
        pb.ListServiceEventsRequest(),
    ]
    for request in requests:
        for service in STRANGE_IDS:
            request.service_id = service
            await refused(client.call(method_of(request), request), NOT_FOUND, "SERVICE_NOT_FOUND")


BAD_READS: list[tuple[Message, str]] = [
    (pb.BatchGetServicesRequest(actor="\0"), "actor"),
    (pb.ListServicesRequest(), "actor"),
    (pb.ListServicesRequest(actor="\0"), "actor"),
    (pb.ListServicesRequest(actor="a", page_size=-(2**31)), "page_size"),
    (pb.ListServicesRequest(actor="a", page_token="A" * 999), "page_token"),
    (pb.ListChangesRequest(user="\0"), "user"),
    (pb.ListChangesRequest(after=pb.Position(revision=-LARGE)), "after"),
    (pb.ListChangesRequest(page_size=-1), "page_size"),
    (pb.ListChangedUsersRequest(after=pb.Position(revision=-LARGE)), "after"),
]


async def test_bad_reads_are_refused_by_name(client: Any, refused: Any) -> None:
    for request, field in BAD_READS:
        await refused(client.call(method_of(request), request), INVALID, "INVALID_ARGUMENT", field)
    many = client.call("BatchGetServices", conversation_ids=["c"] * 1001)
    await refused(many, INVALID, "BATCH_TOO_LARGE", "conversation_ids")
    unknown = pb.UpdateWatchRequest(watcher_id="unknown", add_users=["a"])
    await refused(client.call("UpdateWatch", unknown), NOT_FOUND, "WATCHER_NOT_FOUND")


async def test_half_a_surrogate_is_no_text(client: Any) -> None:
    """Bytes that are no UTF-8 are refused before they are a request, and the service goes on."""
    raw = client.channel.unary_unary("/parley.negotiation.v1.NegotiationService/SubmitNote")
    # Field 4, the comment: U+D800 as somebody who does not know better would encode it.
    with pytest.raises(grpc.aio.AioRpcError):
        await raw(b"\x22\x03\xed\xa0\x80", metadata=METADATA, timeout=PATIENCE)
    assert (await client.create()).version == 1


async def test_text_is_kept_as_it_is(client: Any) -> None:
    """Directions, joined emoji and unknown scripts in free text come back to the letter."""
    odd = f"{BIDI}\n\t \N{MAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER} \U000e0041 'x' -- \\"
    shown = await client.create(description=odd)
    countered = await client.edit("bob", shown.id, 9_000, 1, note=odd)
    assert (countered.description, countered.offer.note) == (odd, odd)
