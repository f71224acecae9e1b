"""Tables and quotations: aligned, as wide as the terminal, and harmless to it."""

from hypothesis import given
from hypothesis import strategies as st

from command_line.display.printable import printable, width_of
from command_line.display.tables import pairs, quoted, table


def test_columns_are_aligned_also_for_wide_letters() -> None:
    """A letter of two columns counts as two, one that is put on another as none."""
    lines = table(("WHO", "WHAT"), [("bob", "spam"), ("花子", "scam"), ("Ame\u0301lie", None)])
    assert lines == ["WHO     WHAT", "bob     spam", "花子    scam", "Ame\u0301lie"]


@given(
    st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=5),
    st.integers(min_value=30, max_value=100),
)
def test_a_table_fits_whatever_others_wrote(rows: list[tuple[str, ...]], width: int) -> None:
    """No line is wider than the terminal, and none has a character that could control it."""
    lines = table(("ID", "A", "B", "C"), [("01a20d3b", *row) for row in rows], width)
    assert len(lines) == len(rows) + 1
    for line in lines[1:]:
        assert line.startswith("01a20d3b")
    for line in lines:
        assert width_of(line) <= width
        assert printable(line) == line


def test_without_a_terminal_nothing_is_cut() -> None:
    """A pipe gets whole lines."""
    assert "x" * 500 in table(("A",), [("x" * 500,)])[1]


def test_a_quotation_is_nobody_elses_word() -> None:
    """Each line of it is marked, also those that pretend to be another one's, by whatever end."""
    hostile = "first\n\ndecision 2: banned\u2028by mia\x1b[2J\u202e"
    lines = quoted(hostile)
    assert lines == [
        "    | first",
        "    |",
        "    | decision 2: banned",
        "    | by mia�[2J�",
    ]


def test_pairs_leave_out_what_is_empty() -> None:
    """And nothing else: a zero is a value."""
    lines = pairs([("state", "open"), ("by", ""), ("again", None), ("count", 0)])
    assert lines == ["  state  open", "  count  0"]
