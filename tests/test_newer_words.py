"""Every reader of a contract meets every word of a later release, and none of them stumbles.

Parts are updated one after the other, so for a while each is older than some of those it hears.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from parley.messaging.v1 import messaging_pb2 as messaging
from parley.moderation.v1 import moderation_pb2 as moderation
from parley.negotiation.v1 import negotiation_pb2 as negotiation

from command_line.display import deals, disputes, rulings
from edge.cursors import MESSAGING, MODERATION, NEGOTIATION, Position
from edge.push.render import render
from edge.sanctions.user import UserSanctions
from edge.translation import messaging as to_messaging
from edge.translation import moderation as to_moderation
from edge.translation import negotiation as to_negotiation
from edge.translation.status import from_status
from messaging_service.workers.negotiation import _service_event
from moderation_service.clients.snapshots import Snapshots
from parley_protocol.packets import JSON, MESSAGE_PACK
from service_kit.follow.sanctions_follower import _removal, _restriction
from service_kit.rpc.documents import document
from tests.support.newer import fill, newer_events

CONTRACTS = {MESSAGING: messaging, NEGOTIATION: negotiation, MODERATION: moderation}


def conversation_payload(conversation: messaging.Conversation) -> Any:
    conversation.participants[:] = ["x", "y"]
    return to_messaging.conversation_payload(conversation, "x")


# What the edge makes payloads of, beside events.
PAYLOADS: list[tuple[Callable[[Any], Any], type[Message]]] = [
    (to_messaging.message_payload, messaging.Message),
    (to_messaging.changed_payload, messaging.MessageChanged),
    (conversation_payload, messaging.Conversation),
    (to_negotiation.service_payload, negotiation.Service),
    (to_moderation.report_payload, moderation.Report),
    (to_moderation.appeal_payload, moderation.Appeal),
    (to_moderation.sanction_payload, moderation.Sanction),
    (to_moderation.standing_payload, moderation.Standing),
    (to_moderation.dispute_payload, moderation.Dispute),
]


def filled(kind: type[Message]) -> Any:
    made = kind()
    fill(made)
    return made


def all_messages(contract: Any) -> Iterator[type[Message]]:
    for one in contract.DESCRIPTOR.message_types_by_name.values():
        yield GetMessageClass(one)


@pytest.mark.parametrize("service", CONTRACTS)
@pytest.mark.parametrize("format_", [JSON, MESSAGE_PACK], ids=["JSON", "MessagePack"])
def test_every_event_is_a_packet_or_passed_over(service: str, format_: Any) -> None:
    """At the edge, for each of its recipients."""
    events = list(newer_events(CONTRACTS[service].Event, "x"))
    assert len(events) > 1
    for event in events:
        alert = render(service, event, "x")
        if alert is not None:
            frame = format_.encode(alert.op, alert.payload).event
            assert frame
    assert render(service, events[-1], "x") is None


@pytest.mark.parametrize(("payload", "kind"), PAYLOADS, ids=lambda one: one.__name__)
def test_every_answer_is_shown_with_what_is_known_of_it(
    payload: Callable[[Any], Any], kind: type[Message]
) -> None:
    """An unknown word is "unspecified"."""
    shown = str(payload(filled(kind)))
    known_words = fill(kind()) - shown.count("unspecified")
    # Some are told in another way: a deadline by the name of its timer, a subject by what it has.
    assert known_words <= 2, shown
    assert payload(kind()) is not None


def test_a_refusal_shows_the_present_state_as_far_as_it_is_known() -> None:
    """The state of a deal, a dispute and a standing travels with refusals."""
    for kind in (negotiation.Service, moderation.Dispute, moderation.Standing):
        status = status_pb2.Status(code=9, message="no")
        status.details.add().Pack(filled(kind))
        assert "unspecified" in str(from_status(status).current)
    assert from_status(status_pb2.Status(code=99)).code == "INTERNAL"


def test_what_restricts_a_user_is_read_without_what_is_not_known() -> None:
    """An edge cannot enforce what it does not know; what it knows beside that holds."""
    known = UserSanctions()
    standing = filled(moderation.Standing)
    standing.sanctions.add(
        id="known", kind=moderation.SANCTION_KIND_MUTED, statement=standing.sanctions[0].statement
    )
    assert known.read(standing)
    assert [one.sanction for one in known.in_force(0)] == ["known"]
    for event in newer_events(moderation.Event, "x"):
        known.apply(Position("x", 5), event)


def test_the_followers_of_moderation_take_what_they_know() -> None:
    """Restrictions and removals have no words; the rest is not for them."""
    for event in newer_events(moderation.Event, "x"):
        _restriction(event)
        _removal(event)


def test_messaging_tells_of_a_deal_in_a_state_that_it_does_not_know() -> None:
    """What happened is among the words all the same."""
    told = _service_event(filled(negotiation.ServiceEvent))
    assert (told.state, told.title, told.cause) == ("unspecified", "x", "x")


def test_evidence_keeps_the_number_of_a_word_that_is_not_known() -> None:
    """It is written down as it came."""
    snapshots = Snapshots(100_000, lambda _limit: None)
    service, event = filled(negotiation.Service), filled(negotiation.ServiceEvent)
    assert "99" in str(snapshots.of_deal(service, [event], "taken").content)


@pytest.mark.parametrize("service", CONTRACTS)
def test_the_command_line_shows_every_message(service: str) -> None:
    """A word is shown by its number."""
    for kind in all_messages(CONTRACTS[service]):
        document(filled(kind))


SHOWN: list[tuple[Callable[..., Any], Callable[[Any], Any], type[Message]]] = [
    (deals.summary, to_negotiation.service_payload, negotiation.Service),
    (deals.details, to_negotiation.service_payload, negotiation.Service),
    (disputes.summary, to_moderation.dispute_payload, moderation.Dispute),
    (lambda told, _me: rulings.sanction(told), to_moderation.sanction_payload, moderation.Sanction),
    (lambda told, _me: rulings.report(told), to_moderation.report_payload, moderation.Report),
    (lambda told, _me: rulings.appeal(told), to_moderation.appeal_payload, moderation.Appeal),
]


@pytest.mark.parametrize(("show", "payload", "kind"), SHOWN)
def test_the_chat_shows_what_is_told_in_words_that_it_does_not_know(
    show: Callable[..., Any], payload: Callable[[Any], Any], kind: type[Message]
) -> None:
    """In place of its own words it has those of the packet."""
    told = msgspec.to_builtins(payload(filled(kind)))
    assert show(told, "x")
    unspecified = str(show(told, "x"))
    assert "unspecified" in unspecified or kind is negotiation.Service, unspecified


def test_no_enumeration_is_left_out() -> None:
    """Each of every contract is a word of some message, and so was met above."""

    def met(message: Any, depth: int = 0) -> set[str]:
        found = set()
        for field in message.fields:
            if field.enum_type is not None:
                found.add(field.enum_type.full_name)
            elif field.message_type is not None and depth < 8:
                found |= met(field.message_type, depth + 1)
        return found

    for contract in CONTRACTS.values():
        descriptors = contract.DESCRIPTOR.message_types_by_name.values()
        everywhere = set().union(*map(met, descriptors))
        assert everywhere == {
            one.full_name for one in contract.DESCRIPTOR.enum_types_by_name.values()
        }
