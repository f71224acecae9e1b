"""Names in requests, in one form whatever the form in which they come."""

from collections.abc import Callable

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from parley.messaging.v1 import messaging_pb2 as messaging
from parley.moderation.v1 import moderation_pb2 as moderation
from parley.negotiation.v1 import negotiation_pb2 as negotiation

from service_kit.rpc.names import NAMES, reading_names

DECOMPOSED, COMPOSED = "Zoe\u0308", "Zo\u00eb"

# Texts of requests that are no names: ids and other words of services, and what people say.
OTHERS = {
    "answer",
    "comment",
    "currency",
    "description",
    "dispute",
    "epoch",
    "facts",
    "idempotency_key",
    "note",
    "origin",
    "traceparent",
    "page_token",
    "reason",
    "rule",
    "statement",
    "text",
    "watcher_name",
}


def read(request: Message) -> Message:
    deserialize = reading_names(type(request).FromString)
    assert deserialize is not None
    given: Message = deserialize(request.SerializeToString())
    return given


@pytest.mark.parametrize(
    "make",
    [
        lambda name: messaging.CreateConversationRequest(participants=[name, "bob"], subject=name),
        lambda name: messaging.BatchCreateMessagesRequest(
            requests=[
                messaging.CreateMessageRequest(actor="bob", to=name, subject=name, text=DECOMPOSED)
            ]
        ),
        lambda name: messaging.UpdateWatchRequest(add_users=[name], remove_users=["bob", name]),
        lambda name: negotiation.CreateServiceRequest(title=name, description=DECOMPOSED),
        lambda name: moderation.BatchGetStandingsRequest(users=["bob", name]),
    ],
)
def test_a_name_is_read_in_one_form_and_what_is_said_as_it_is(
    make: Callable[[str], Message],
) -> None:
    assert read(make(DECOMPOSED)) == make(COMPOSED)
    assert read(make(COMPOSED)) == make(COMPOSED)


def test_each_text_of_a_request_is_known_for_a_name_or_not() -> None:
    """A contract that gains a text says here what it is."""
    found: set[str] = set()

    def collect(message: Descriptor) -> None:
        for field in message.fields:
            if field.type == FieldDescriptor.TYPE_STRING:
                found.add(field.name)
            elif field.message_type is not None:
                collect(field.message_type)

    for contract in (messaging, moderation, negotiation):
        for service in contract.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                collect(method.input_type)
    texts = {one for one in found if not one.endswith(("_id", "_ids"))}
    assert texts - OTHERS == NAMES
