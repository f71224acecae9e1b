"""The rules of messages, by examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain import messages as domain
from messaging_service.domain.limits import Limits
from messaging_service.domain.messages import CreateMessage
from messaging_service.domain.refusals import conversation_not_found
from service_kit.rules import INVALID_ARGUMENT, Refusal
from service_kit.text import is_blank


@given(st.text(max_size=30))
def test_a_text_is_taken_as_it_is_or_refused(text: str) -> None:
    refusal = domain.check_text(text, 20)
    sound = not is_blank(text) and len(text) <= 20 and "\0" not in text
    sound = sound and not any("\ud800" <= one <= "\udfff" for one in text)
    assert (refusal is None) == sound
    assert refusal is None or refusal.field == "text"


@pytest.mark.parametrize("text", ["", " \n\t", "\u2003", "a\0b", "\ud800", "x" * 21])
def test_texts_that_are_refused(text: str) -> None:
    assert isinstance(domain.check_text(text, 20), Refusal)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"actor": ""}, "actor"),
        ({"actor": "a" * 129}, "actor"),
        ({"actor": "a\n"}, "actor"),
        ({"conversation_id": "", "to": ""}, "conversation_id"),
        ({"to": "bob"}, "conversation_id"),
        ({"conversation_id": "", "to": "alice"}, "to"),
        ({"conversation_id": "", "to": "b\x7f"}, "to"),
        ({"subject": "s"}, "subject"),
        ({"conversation_id": "", "to": "bob", "subject": "s" * 201}, "subject"),
        ({"text": " "}, "text"),
        ({"idempotency_key": "k" * 65}, "idempotency_key"),
    ],
)
def test_the_argument_at_fault_is_named(fields: dict[str, str], field: str) -> None:
    good = {
        "actor": "alice",
        "conversation_id": "c",
        "to": "",
        "subject": "",
        "text": "hello",
        "idempotency_key": "k",
        "origin": "",
    }
    assert domain.check_create_message(CreateMessage(**good), Limits()) is None
    refusal = domain.check_create_message(CreateMessage(**(good | fields)), Limits())
    assert refusal is not None
    assert (refusal.reason, refusal.field) == (INVALID_ARGUMENT, field)


def test_one_may_not_know_that_a_strange_id_can_not_exist() -> None:
    refusal = domain.check_create_message(
        CreateMessage("alice", "c\0", "", "", "hello", "", ""), Limits()
    )
    assert refusal == conversation_not_found()
