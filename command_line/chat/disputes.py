"""The disputes of a conversation as they were last shown, which commands are about."""

from collections.abc import Mapping
from typing import Any

from command_line.chat.commands import dispute_choices
from command_line.chat.payloads import UsageError
from command_line.display import disputes as wording
from command_line.display.disputes import Dispute
from command_line.display.screen import Screen


class Disputes:
    """Shows disputes of answers and pushes, which come in any order, where they are new."""

    def __init__(self, me: str, screen: Screen) -> None:
        self._me = me
        self._screen = screen
        self._shown: dict[str, Dispute] = {}

    def happened(self, dispute: Dispute, cause: str | None = None) -> None:
        """Shows an event or the state of a dispute, unless it or a later version was shown."""
        known = self._shown.get(dispute["dispute"])
        if known is None or known["version"] < dispute["version"]:
            self._show(dispute, cause)

    def renew(self, dispute: Dispute) -> None:
        """Shows the state of a dispute, also an earlier one, if the server has lost later ones."""
        self._shown.pop(dispute["dispute"], None)
        self._show(dispute, None)

    def show(self, dispute: Dispute) -> None:
        """Shows the state of a dispute in any case, or a later one that was pushed before."""
        known = self._shown.get(dispute["dispute"])
        newer = known is not None and known["version"] > dispute["version"]
        self._show(known if known is not None and newer else dispute, None)

    def about(self) -> Dispute:
        """The dispute that a command is about, which is the one shown last."""
        if not self._shown:
            raise UsageError("no dispute is shown here; /dispute REASON STATEMENT opens one")
        return next(reversed(self._shown.values()))

    def reported_by(self, arguments: str) -> tuple[Mapping[str, Any], str]:
        """The statement that a report is about, and the rest of what was typed.

        It is that of a number, or the other's last one; UsageError when there is none.
        """
        dispute = self.about()
        theirs = {int(one["number"]): one for one in dispute["statements"] if one["by"] != self._me}
        typed, _, rest = arguments.partition(" ")
        if typed.startswith("#"):
            number = int(typed[1:]) if typed[1:].isdecimal() else 0
            if number not in theirs:
                raise UsageError(f"no statement {typed} of the other is shown here")
            return {"dispute": dispute["dispute"], "number": number}, rest.strip()
        if not theirs:
            raise UsageError("no statement of the other is shown here")
        return {"dispute": dispute["dispute"], "number": max(theirs)}, arguments

    def allows(self, action: str) -> bool:
        """Whether that dispute allows something now."""
        return bool(self._shown) and action in self.about()["allowed_actions"]

    def _show(self, dispute: Dispute, cause: str | None) -> None:
        self._shown.pop(dispute["dispute"], None)
        self._shown[dispute["dispute"]] = dispute
        possible = dispute_choices(dispute)
        summary = wording.summary(dispute, self._me, cause)
        self._screen.deal(summary, *([f"you may: {possible}"] if possible else ()))
