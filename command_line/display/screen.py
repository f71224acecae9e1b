"""The lines of a chat: messages, marks and notices, safe for the terminal."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from command_line.display.console import say
from command_line.display.deals import recorded
from command_line.display.printable import printable

# Changes of a message that its author did not make.
CHANGES = {"removed": "removed by a moderator", "restored": "there again"}


class Screen:
    """Prints for the user `me`. On a terminal a prompt is kept at the bottom."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._prompts = sys.stdout.isatty() and sys.stdin.isatty()

    def notice(self, text: str) -> None:
        """Prints a notice about the connection or the conversation."""
        self._show(f"-- {text}")

    def message(self, message: Mapping[str, Any], place: str = "") -> None:
        """Prints a message with its number and time; `place` names another conversation.

        An event of a deal has a star in place of the sender.
        """
        at = datetime.fromisoformat(message["created_at"]).astimezone()
        gone = f"({message.get('tombstone')})"
        if message["kind"] == "event":
            said = f"* {recorded(message['event'], self._me) if 'event' in message else gone}"
        else:
            sender = "me" if message["sender"] == self._me else message["sender"]
            said = f"{sender}: {message.get('text', gone)}"
        self._show(f"#{message['seq']} {at:%H:%M} {place}{printable(said)}")

    def deal(self, *lines: str) -> None:
        """Prints lines about a deal or a dispute, which others may have written."""
        for number, line in enumerate(lines):
            self._show(f"{'--' if number == 0 else '  '} {printable(line)}")

    def mark(self, seq: int, what: str) -> None:
        """Prints the state of a message, which may hold for those before it as well."""
        self._show(f"   #{seq} {what}")

    def changed(self, seq: int, change: str, text: str | None) -> None:
        """Prints a change of a message, with its new text if it has one."""
        words = CHANGES.get(change, change)
        self.mark(seq, words if text is None else f"{words}: {printable(text)}")

    def prompt(self) -> None:
        """Prints the prompt, on a terminal."""
        if self._prompts:
            sys.stdout.write("> ")
            sys.stdout.flush()

    def _show(self, line: str) -> None:
        # Back to the start of the prompt's line and over it; what is being typed stays typed.
        say(f"\r\x1b[K{line}" if self._prompts else line)
        self.prompt()
