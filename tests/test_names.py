"""One name leads from a packet to its handler, its RPC, the operation, the rule and the test."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from parley.messaging.v1 import messaging_pb2
from parley.moderation.v1 import moderation_pb2
from parley.negotiation.v1 import negotiation_pb2

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS: dict[str, ServiceDescriptor] = {
    "messaging": messaging_pb2.DESCRIPTOR.services_by_name["MessagingService"],
    "negotiation": negotiation_pb2.DESCRIPTOR.services_by_name["NegotiationService"],
    "moderation": moderation_pb2.DESCRIPTOR.services_by_name["ModerationService"],
}
# RPCs without an operation of their own, each with its reason.
NO_OPERATION = {
    "Watch": "the kit serves the stream, and no operation has a part in it",
    "StreamUpdateWatch": "the same, for the requests of a stream",
    "UpdateWatch": "it changes who is followed, which is in memory alone",
    "BatchCreateMessages": "the operation of CreateMessage takes a list",
    "StreamCreateMessages": "the same, for the batches of a stream",
    "BatchListChanges": "the operation of ListChanges, for each of a list",
    "StreamCommands": "the commands of five other RPCs, for the batches of a stream",
}


def snake(name: str) -> str:
    """ListOwnDisputes as list_own_disputes."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def definitions(folder: Path) -> Iterator[str]:
    """The names of all functions and classes below a folder."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name


@cache
def names(folder: str) -> frozenset[str]:
    return frozenset(definitions(ROOT / folder))


RPCS = [
    pytest.param(service, method.name, id=f"{service}.{method.name}")
    for service, contract in CONTRACTS.items()
    for method in contract.methods
]


@pytest.mark.parametrize(("service", "rpc"), RPCS)
def test_each_rpc_has_an_operation_of_its_name(service: str, rpc: str) -> None:
    """A function of the operations; or a command that the runner carries out, and its rule."""
    package = f"{service}_service"
    is_operation = snake(rpc) in names(f"{package}/operations")
    is_command = {rpc, snake(rpc)} <= names(f"{package}/domain")
    assert is_operation or is_command or rpc in NO_OPERATION


@pytest.mark.parametrize(("service", "rpc"), RPCS)
def test_each_rpc_has_a_test_of_its_name(service: str, rpc: str) -> None:
    """The name of an RPC leads to what is promised of it."""
    tests = names(f"tests/{service}_service")
    start = f"test_{snake(rpc)}"
    assert any(name == start or name.startswith(f"{start}_") for name in tests)
