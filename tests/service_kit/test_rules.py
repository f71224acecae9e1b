"""The checks that the rules of all services share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_kit import rules


@given(st.text(max_size=30))
def test_a_text_is_kept_as_it_is_or_refused(text: str) -> None:
    refusal = rules.check_text("note", text, 20)
    sound = len(text) <= 20 and "\0" not in text
    sound = sound and not any("\ud800" <= one <= "\udfff" for one in text)
    assert (refusal is None) == sound
    assert refusal is None or refusal.field == "note"


@pytest.mark.parametrize("text", ["", " \n\t", "\u2003", "\u200b", "\u3164\ufe0f"])
def test_a_blank_text_says_nothing(text: str) -> None:
    assert rules.check_not_blank("title", text) == rules.Refusal(
        rules.INVALID_ARGUMENT, "title is empty", "title"
    )
    assert rules.check_text("note", text, 20) is None


@pytest.mark.parametrize("line", ["x" * 21, "a\nb", "a\0", "a\x9b", "a\u2028b", "\u202e", "\ud800"])
def test_a_line_is_short_and_on_one_line(line: str) -> None:
    refusal = rules.check_line("subject", line, 20)
    assert refusal is not None
    assert (refusal.reason, refusal.field) == (rules.INVALID_ARGUMENT, "subject")


def test_lines_and_keys_may_be_empty_and_users_not() -> None:
    assert rules.check_line("subject", "", 20) is None
    assert rules.check_key("") is None
    assert rules.check_user("actor", "") == rules.Refusal(
        rules.INVALID_ARGUMENT, "actor is missing", "actor"
    )


def test_bounds_are_part_of_what_is_taken() -> None:
    assert rules.check_user("actor", "a" * 128) is None
    assert rules.check_user("actor", "a" * 129) is not None
    assert rules.check_user("actor", "\u3164") == rules.invalid(
        "actor", "is blank, or has invisible characters"
    )
    assert rules.check_key("k" * 64) is None
    assert rules.check_key("k" * 65) is not None
    assert rules.is_identifier("i" * 64)
    assert not rules.is_identifier("i" * 65)


@pytest.mark.parametrize("text", ["", "a\0", "a\n", "\N{CAT FACE}", "\u00e9"])
def test_what_no_service_makes_is_no_identifier(text: str) -> None:
    assert not rules.is_identifier(text)
