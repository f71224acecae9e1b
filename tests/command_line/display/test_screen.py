"""Texts of others on the screen."""

from command_line.display.screen import printable


def test_what_others_write_cannot_control_the_terminal() -> None:
    """Escape sequences and other control characters lose their power; line ends stay visible."""
    assert printable("a\x1b[2Jb\x07\u202ec\nd") == "a�[2Jb��c ⏎ d"
