"""Views: typed, frozen, and tolerant of servers that are newer than this release."""

import dataclasses
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, get_args, get_type_hints

import pytest
from msgspec import Struct, UnsetType

from moderation_service.domain.dispute.transitions import DISPUTE_TRANSITIONS
from negotiation_service.domain.transitions import TRANSITIONS
from parley_client.views import deals, disputes, messaging, moderation, words
from parley_client.views.deals import Deal, DealAction, Offer
from parley_client.views.disputes import Dispute, DisputeAction
from parley_client.views.messaging import Block, Conversation, Message
from parley_client.views.price import Price
from parley_client.views.view import UnreadableError, View
from parley_protocol.payloads import messaging as messaging_payloads
from parley_protocol.payloads import moderation as moderation_payloads
from parley_protocol.payloads import negotiation as negotiation_payloads
from tests.parley_client.payloads import CONVERSATION, DEAL, DISPUTE, MESSAGE


def test_a_deal_is_read_with_times_and_prices() -> None:
    """Times are aware, each price has the exponent, and the offer knows its deal."""
    deal = Deal.read(DEAL)
    at = datetime(2026, 3, 1, 10, 0, 0, 250_000, UTC)
    assert deal.created_at == at
    assert deal.deadlines == {"offer": at}
    assert deal.live_offer == Offer(
        service="s1", number=1, price=Price(12050, "EUR"), by="pat", created_at=at
    )
    assert str(deal.live_offer.price) == "120.50 EUR"
    assert deal.can("accept")
    assert not deal.can("deliver")
    assert [deal.role_of(user) for user in ("pat", "cleo", "mia")] == ["provider", "client", None]


def test_a_dispute_is_read_with_the_exponent_of_its_deal() -> None:
    """The dispute itself does not say the decimals."""
    dispute = Dispute.read({**DISPUTE, "exponent": 2})
    assert (str(dispute.price), dispute.can("accept")) == ("120.50 EUR", True)
    assert dispute.claim is not None
    assert str(dispute.claim.refund) == "0.50 EUR"
    assert dispute.newest_offer is not None
    assert dispute.newest_offer.dispute == "d1"


def test_a_conversation_is_read_with_all_that_it_shows() -> None:
    """Its deal, its dispute, its last message and the other person are views of their own."""
    conversation = Conversation.read(CONVERSATION)
    assert conversation.deal == Deal.read(DEAL)
    assert conversation.dispute is not None
    assert str(conversation.dispute.price) == "120.50 EUR"
    assert conversation.last_message == Message.read(MESSAGE)
    assert conversation.block == Block(user="pat", blocked=True, version=4)
    assert conversation.other_than("cleo") == "pat"


def test_words_that_are_not_known_are_unspecified() -> None:
    """A server that is newer says words that this release has never heard."""
    assert Deal.read({**DEAL, "state": "paused"}).state == "unspecified"
    assert Message.read({**MESSAGE, "kind": "voice"}).kind == "unspecified"
    assert Dispute.read({**DISPUTE, "reason": "weather"}).reason == "unspecified"


def test_fields_that_are_not_known_are_passed_over_and_null_is_absent() -> None:
    """As docs/protocol.md says of both."""
    told = {**DEAL, "colour": "red", "hold": None, "reopenings": None, "truncated": None}
    assert Deal.read(told) == Deal.read(DEAL)


@pytest.mark.parametrize(
    ("view", "data"),
    [
        (Deal, {}),
        (Deal, {**DEAL, "exponent": "2"}),
        (Deal, {**DEAL, "exponent": -5}),
        (Deal, {**DEAL, "offer": "none"}),
        (Deal, {**DEAL, "offer": {**DEAL["offer"], "price": 120.5}}),
        (Deal, {**DEAL, "created_at": "yesterday"}),
        (Deal, {**DEAL, "state": 3}),
        (Dispute, {**DISPUTE, "offers": "none"}),
        (Dispute, {**DISPUTE, "offers": ["none"]}),
        (Message, {**MESSAGE, "seq": "first"}),
        (Conversation, {"service": []}),
    ],
)
def test_nonsense_is_one_typed_error(view: type[View], data: dict[str, Any]) -> None:
    """Nothing else is raised, whatever is wrong with a payload."""
    with pytest.raises(UnreadableError):
        view.read(data)


def test_views_cannot_be_changed() -> None:
    """Each stays as it was shown."""
    deal = Deal.read(DEAL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        deal.title = "Wall"  # type: ignore[misc]  # what is shown to fail


MODULES: tuple[ModuleType, ...] = (deals, disputes, messaging, moderation)
VIEWS = {
    view.__name__: view
    for module in MODULES
    for view in vars(module).values()
    if inspect.isclass(view) and issubclass(view, View) and view.__module__ == module.__name__
}
# Views that have another name than their structure, or that leave something out of it.
STRUCTURES: dict[str, type[Struct]] = {
    "Deal": negotiation_payloads.Service,
    "DealEvent": negotiation_payloads.ServiceEvent,
    "Block": messaging_payloads.BlockedUser,
    "Receipt": messaging_payloads.StatusMsg,
    "ReadMark": messaging_payloads.MsgSeen,
    "Revision": messaging_payloads.MsgChanged,
    "Report": moderation_payloads.ReportStatus,
    "StatementOfReasons": moderation_payloads.Statement,
}
# Fields that a view adds, names otherwise, or leaves to the memory of versions.
OTHERWISE = {
    "Offer": {"service"},
    "SettlementOffer": {"dispute"},
    "Conversation": {"deal", "service"},
    "Receipt": {"status"},
    "ReadMark": {"conversation_version"},
    "Revision": {"tombstone", "conversation_version"},
}


def structure_of(view: str) -> type[Struct]:
    """Find the structure of docs/protocol.md that a view shows."""
    if view in STRUCTURES:
        return STRUCTURES[view]
    for module in (messaging_payloads, negotiation_payloads, moderation_payloads):
        if (found := getattr(module, view, None)) is not None:
            structure: type[Struct] = found
            return structure
    raise LookupError(view)


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_each_view_has_the_fields_of_its_structure(name: str) -> None:
    """A field that the protocol gets, the view gets as well."""
    view = VIEWS[name]
    assert dataclasses.is_dataclass(view)
    fields = {field.name for field in dataclasses.fields(view)}
    assert fields ^ set(structure_of(name).__struct_fields__) == OTHERWISE.get(name, set())


def literals(hint: Any) -> Iterator[str]:
    """Find the words that a type allows, however deep."""
    for argument in get_args(hint):
        if isinstance(argument, str):
            yield argument
        else:
            yield from literals(argument)


def worded() -> Iterator[tuple[Any, set[str]]]:
    """Find each enumeration that a view uses, with the words of the structure's field."""
    for name, view in VIEWS.items():
        told = get_type_hints(structure_of(name))
        for field, hint in get_type_hints(view).items():
            for one in (hint, *get_args(hint)):
                is_word = inspect.isclass(one) and issubclass(one, words.Word)
                if is_word and field in told:
                    yield one, set(literals(told[field]))


def test_the_words_are_those_of_the_protocol() -> None:
    """No enumeration lacks a word of the protocol or has one besides."""
    found = list(worded())
    classes = [one for one in vars(words).values() if inspect.isclass(one)]
    assert {one for one, _ in found} == {*classes} & {*words.Word.__subclasses__()}
    for enumeration, expected in found:
        assert {str(member) for member in enumeration} == expected | {"unspecified"}


def test_the_actions_of_a_deal_are_those_of_negotiation() -> None:
    """Each that the service may allow can be asked for by name."""
    assert set(get_args(DealAction)) == {row.action for row in TRANSITIONS if row.action}


def test_the_actions_of_a_dispute_are_those_of_moderation() -> None:
    """But for the decision, which is a moderator's."""
    allowed = {row.action for row in DISPUTE_TRANSITIONS if row.action} - {"decide"}
    assert set(get_args(DisputeAction)) == allowed


def test_views_hold_nothing_of_msgspec() -> None:
    """Absent fields are None: no user of the library meets UNSET."""
    for view in VIEWS.values():
        for hint in get_type_hints(view).values():
            assert UnsetType not in get_args(hint)
