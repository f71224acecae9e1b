"""Each RPC of the contract against each set of roles, over gRPC."""

from itertools import chain, combinations
from typing import Any

import grpc
from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.domain.shared.refusals import Reason
from moderation_service.domain.shared.roles import PERMISSIONS, Role
from tests.moderation_service.conftest import Client
from tests.support.serving import METADATA, status_of, unpack

METHODS = pb.DESCRIPTOR.services_by_name["ModerationService"].methods_by_name
ROLE_SETS = list(chain.from_iterable(combinations(Role, count) for count in range(len(Role) + 1)))
STRANGE_ROLES = (("Moderator",), ("moderators", " moderator"), ("admin", "*", ""))


def requests(name: str) -> list[Any]:
    """Requests of a method: an empty one, one about what nobody knows, and one of bad values."""
    kind = getattr(pb, f"{name}Request")
    named, bad = kind(), kind()
    for field in kind.DESCRIPTOR.fields:
        if field.is_repeated or field.message_type:
            continue
        if field.cpp_type == field.CPPTYPE_STRING:
            setattr(named, field.name, "mia" if field.name == "actor" else "unknown")
        elif field.enum_type:
            setattr(bad, field.name, 99)
        elif field.cpp_type in {field.CPPTYPE_INT32, field.CPPTYPE_INT64}:
            setattr(bad, field.name, -1)
    return [kind(), named, bad]


async def reason_of(client: Client, name: str, request: Any) -> tuple[Any, str]:
    """The code and reason with which a call ends; OK without one."""
    try:
        if METHODS[name].server_streaming:
            call = client.stub.Watch(request, metadata=METADATA, timeout=10)
            await call.read()
            call.cancel()
        else:
            await client.call(name, request)
    except grpc.aio.AioRpcError as error:
        details = unpack(status_of(error))
        return error.code(), details["ErrorInfo"].reason
    return grpc.StatusCode.OK, ""


def test_the_table_names_every_method() -> None:
    """And none besides; requests that need a role have a field for the roles."""
    assert set(PERMISSIONS) == set(METHODS)
    for name, needed in PERMISSIONS.items():
        fields = getattr(pb, f"{name}Request").DESCRIPTOR.fields_by_name
        assert not needed or {"actor", "roles"} <= set(fields), name


async def test_methods_are_open_to_their_roles_alone(client: Client) -> None:
    """Without one of them each is refused for that and nothing else, whatever the request holds."""
    for name in PERMISSIONS:
        await check_method(client, name)


async def check_method(client: Client, name: str) -> None:
    needed = PERMISSIONS[name]
    takes_roles = "roles" in getattr(pb, f"{name}Request").DESCRIPTOR.fields_by_name
    for roles in (*ROLE_SETS, *STRANGE_ROLES):
        if roles and not takes_roles:
            continue
        is_allowed = not needed or bool(needed.intersection(roles))
        for request in requests(name):
            if takes_roles:
                request.roles.extend(roles)
            code, reason = await reason_of(client, name, request)
            assert code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, (roles, request)
            assert (reason == Reason.ROLE_REQUIRED) is not is_allowed, (roles, request)
            if not is_allowed:
                assert code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_moderator_is_no_party_and_no_reporter(client: Client) -> None:
    """The role gives what moderators may, and nothing of anybody's own."""
    answer = await client.call("ListReports", actor="mia")
    assert not answer.reports
    code, reason = await reason_of(
        client,
        "SubmitDisputeStatement",
        pb.SubmitDisputeStatementRequest(actor="mia", dispute_id="unknown", text="words"),
    )
    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, Reason.DISPUTE_NOT_FOUND)
