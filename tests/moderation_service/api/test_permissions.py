"""Each RPC of moderators against each set of roles and each bad token, over gRPC."""

import time
from itertools import chain, combinations
from typing import Any

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.domain.shared.refusals import Reason
from moderation_service.domain.shared.roles import MODERATORS, PERMISSIONS, Role
from service_kit.authentication.callers import CALLER_NOT_PERMITTED, MODERATION, Caller
from service_kit.authentication.credentials import Metadata
from service_kit.authentication.errors import MAXIMUM_TOKEN_LENGTH
from tests.moderation_service.conftest import Client
from tests.support.callers import as_moderator, bearing, metadata_of, token_of
from tests.support.serving import Serve, status_of, unpack
from tests.support.waiting import PATIENCE

METHODS = pb.DESCRIPTOR.services_by_name["ModerationService"].methods_by_name
# What somebody with a token calls, and the roles of which one is needed.
NEEDED = {name: needed for name, needed in PERMISSIONS.items() if needed}
NEEDED["GetDispute"] = MODERATORS
MODERATED = tuple(NEEDED)
DEFECTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
REFUSED = (grpc.StatusCode.UNAUTHENTICATED, Reason.TOKEN_REFUSED)
ROLE_SETS = list(chain.from_iterable(combinations(Role, count) for count in range(len(Role) + 1)))
STRANGE_ROLES = (("Moderator",), ("moderators", " moderator"), ("admin", "*"))


def requests(name: str) -> list[Any]:
    """Requests of a method: an empty one, one about what nobody knows, and one of bad values."""
    kind = getattr(pb, f"{name}Request")
    named, bad = kind(), kind()
    for field in kind.DESCRIPTOR.fields:
        if field.is_repeated or field.message_type:
            continue
        if field.cpp_type == field.CPPTYPE_STRING:
            setattr(named, field.name, "unknown")
        elif field.enum_type:
            setattr(bad, field.name, 99)
        elif field.cpp_type in {field.CPPTYPE_INT32, field.CPPTYPE_INT64}:
            setattr(bad, field.name, -1)
    return [kind(), named, bad]


async def reason_of(client: Client, name: str, request: Any, metadata: Metadata) -> tuple[Any, str]:
    """The code and reason with which a call ends; OK without one."""
    try:
        await getattr(client.stub, name)(request, metadata=metadata, timeout=PATIENCE)
    except grpc.aio.AioRpcError as error:
        details = unpack(status_of(error))
        return error.code(), details["ErrorInfo"].reason
    return grpc.StatusCode.OK, ""


def forged(request: Any) -> Any:
    """The same request as of a time when it had fields for who acts, and in which role."""
    return type(request).FromString(
        # Fields 1 and 2, as strings: actor and roles.
        b"\x0a\x03mia\x12\x09moderator\x12\x07auditor\x12\x0fdata_protection"
        + request.SerializeToString()
    )


def test_the_table_names_every_method() -> None:
    """And none besides; what needs a role is called with a token, and so for moderators alone."""
    assert set(PERMISSIONS) == set(METHODS)
    for name, needed in PERMISSIONS.items():
        assert not needed or MODERATION[name] == {Caller.DESK, Caller.OPERATOR}, name


async def test_methods_are_open_to_their_roles_alone(client: Client) -> None:
    """Without one of them each is refused for that and nothing else, whatever the request holds,
    also fields that it has no more.
    """
    for name in MODERATED:
        needed = NEEDED[name]
        for roles in (*ROLE_SETS, *STRANGE_ROLES):
            is_allowed = bool(needed.intersection(roles))
            metadata = as_moderator("eve", roles)
            for request in (*requests(name), *map(forged, requests(name))):
                code, reason = await reason_of(client, name, request, metadata)
                assert code not in DEFECTS, (roles, request)
                assert (reason == Reason.ROLE_REQUIRED) is not is_allowed, (roles, request, reason)
                if not is_allowed:
                    assert code is grpc.StatusCode.PERMISSION_DENIED


ES256 = ec.generate_private_key(ec.SECP256R1())
NOW = int(time.time())
BAD_TOKENS: dict[str, Metadata] = {
    "none": metadata_of(Caller.OPERATOR),
    "empty": bearing(""),
    "no JWT": bearing("moderator"),
    "two": (*as_moderator(), ("x-parley-token", token_of("max", ["moderator"]))),
    "in another place": (
        *metadata_of(Caller.OPERATOR),
        ("token", token_of("mia", ["moderator"])),
        ("x-parley-actor", "mia"),
        ("x-parley-roles", "moderator"),
        ("roles", "moderator"),
    ),
    "expired": bearing(token_of("mia", ["moderator"], exp=NOW - 3_600)),
    "without an end": bearing(token_of("mia", ["moderator"], exp=None)),
    "not yet valid": bearing(token_of("mia", ["moderator"], nbf=NOW + 3_600)),
    "of nobody": bearing(token_of("", ["moderator"])),
    "without a subject": bearing(token_of("mia", ["moderator"], sub=None)),
    "of another key": bearing(token_of("mia", ["moderator"], "another secret of 32 bytes or more")),
    "for another audience": bearing(token_of("mia", ["moderator"], aud="another")),
    "with roles as one text": bearing(token_of("mia", roles="moderator")),
    "unsigned": bearing(
        jwt.encode({"sub": "mia", "exp": NOW + 60, "roles": ["moderator"]}, "", "none")
    ),
    "of a key of another kind": bearing(
        jwt.encode({"sub": "mia", "exp": NOW + 60, "roles": ["moderator"]}, ES256, "ES256")
    ),
    "cut": bearing(token_of("mia", ["moderator"])[:-2]),
}


async def test_no_method_of_moderators_is_open_without_a_good_token(client: Client) -> None:
    """Nothing is looked up before, and what the fields say counts for nothing."""
    for name in MODERATED:
        for what, metadata in BAD_TOKENS.items():
            for request in (*requests(name), *map(forged, requests(name))):
                found = await reason_of(client, name, request, metadata)
                assert found == (grpc.StatusCode.UNAUTHENTICATED, Reason.TOKEN_REFUSED), (
                    what,
                    found,
                )


async def test_issuer_and_audience_are_demanded_when_set(serve: Serve) -> None:
    """As an edge does, by the same settings."""
    async with serve(token_issuer="the issuer", token_audience="parley") as client:
        good: dict[str, Any] = {"iss": "the issuer", "aud": "parley"}
        await client.call("ListCases", None, bearing(token_of("mia", ["moderator"], **good)))
        for change in ({"iss": "another"}, {"aud": "another"}, {"iss": None}, {"aud": None}):
            metadata = bearing(token_of("mia", ["moderator"], **{**good, **change}))
            found = await reason_of(client, "ListCases", pb.ListCasesRequest(), metadata)
            assert found == REFUSED, change


async def test_the_token_of_a_moderator_is_of_no_use_to_another_caller(client: Client) -> None:
    """An edge has the tokens of all who are connected, and moderates with none of them."""
    for name in MODERATED:
        token = as_moderator("mia", [*Role])[1:]
        for caller in {*Caller} - {Caller.DESK, Caller.OPERATOR}:
            request = forged(requests(name)[1])
            code, reason = await reason_of(client, name, request, (*metadata_of(caller), *token))
            if (name, caller) == ("GetDispute", Caller.EDGE):
                assert reason == Reason.DISPUTE_NOT_FOUND
            else:
                assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, CALLER_NOT_PERMITTED)


async def test_the_desk_ends_sessions_for_moderators_alone(client: Client) -> None:
    """The operator and the marketplace do so in their own name, the desk never."""
    request = pb.EndSessionsRequest(user="bob")
    desk = metadata_of(Caller.DESK)
    assert await reason_of(client, "EndSessions", request, desk) == REFUSED
    for roles, allowed in ((["moderator"], True), (["auditor"], False)):
        bearer = (*desk, ("x-parley-token", token_of("mia", roles)))
        code, reason = await reason_of(client, "EndSessions", request, bearer)
        assert (code is grpc.StatusCode.OK) is allowed
        assert (reason == Reason.ROLE_REQUIRED) is not allowed


async def test_a_moderator_whose_token_was_revoked_moderates_no_more(client: Client) -> None:
    """One token by its id, or all that were issued before."""
    bearer = {
        one: bearing(token_of("mia", ["moderator"], jti=one, iat=time.time() - 5))
        for one in ("stolen", "kept")
    }
    listing = pb.ListCasesRequest()
    await client.call("RevokeToken", user="mia", token_id="stolen")
    assert await reason_of(client, "ListCases", listing, bearer["stolen"]) == REFUSED
    await client.call("ListCases", listing, bearer["kept"])
    await client.call("EndSessions", user="mia")
    assert await reason_of(client, "ListCases", listing, bearer["kept"]) == REFUSED
    # One that does not say when it was issued may be of any time before.
    assert await reason_of(client, "ListCases", listing, as_moderator()) == REFUSED
    later = token_of("mia", ["moderator"], iat=time.time() + 1)
    await client.call("ListCases", listing, bearing(later))


async def test_the_longest_token_that_an_edge_takes_is_taken(client: Client) -> None:
    short = token_of("mia", ["moderator"], more="")
    # Base64 makes four characters of three bytes.
    long = token_of("mia", ["moderator"], more="x" * ((MAXIMUM_TOKEN_LENGTH - len(short)) * 3 // 4))
    assert MAXIMUM_TOKEN_LENGTH - 12 <= len(long) <= MAXIMUM_TOKEN_LENGTH
    await client.call("ListCases", pb.ListCasesRequest(), bearing(long))


async def test_who_acted_is_who_the_token_names(client: Client) -> None:
    """Whatever a request says: in the audit log stands the moderator."""
    await client.report()
    (case,) = await client.cases()
    claim = forged(pb.ClaimCaseRequest(case_id=case.id))
    claimed = await client.call("ClaimCase", claim, as_moderator("otto"))
    assert claimed.case.claimed_by == "otto"
    page = await client.moderate("ListAudit")
    assert [one.actor for one in page.entries] == ["", "otto"]


async def test_an_edge_sees_a_dispute_as_its_party_alone(client: Client) -> None:
    """Whatever roles somebody claims through it, and whichever token it shows."""
    service = await client.peers.agree()
    opened = await client.call(
        "CreateDispute",
        actor="bob",
        service_id=service.id,
        reason=pb.DISPUTE_REASON_QUALITY,
        statement="It fell apart.",
    )
    asked = pb.GetDisputeRequest(actor="mia", dispute_id=opened.dispute.id)
    edge = (*metadata_of(Caller.EDGE), *as_moderator()[1:])
    for request in (asked, forged(asked)):
        found = await reason_of(client, "GetDispute", request, edge)
        assert found == (grpc.StatusCode.NOT_FOUND, Reason.DISPUTE_NOT_FOUND)
    of_bob = pb.GetDisputeRequest(actor="bob", dispute_id=opened.dispute.id)
    assert not (await client.call("GetDispute", of_bob, edge)).dispute.evidence
    assert (await client.call("GetDispute", of_bob, as_moderator())).dispute.evidence


async def test_a_moderator_is_no_party_and_no_reporter(client: Client) -> None:
    """The role gives what moderators may, and nothing of anybody's own."""
    answer = await client.call("ListReports", actor="mia")
    assert not answer.reports
    found = await reason_of(
        client,
        "SubmitDisputeStatement",
        pb.SubmitDisputeStatementRequest(actor="mia", dispute_id="unknown", text="words"),
        metadata_of(Caller.EDGE),
    )
    assert found == (grpc.StatusCode.NOT_FOUND, Reason.DISPUTE_NOT_FOUND)
