"""The sanctions, reports and appeals of a user as they were last shown."""

from typing import Any

from command_line.chat.payloads import UsageError
from command_line.display import rulings as wording
from command_line.display.rulings import Ruling
from command_line.display.screen import Screen


class Rulings:
    """Shows SANCTION and REPORT STATUS, which may come more than once, where they are new."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        # By the id of each, in the order in which they were shown.
        self._shown: dict[str, Ruling] = {}

    def sanctioned(self, sanction: Ruling, here: str | None = None) -> None:
        """Shows a sanction or its end; `here` is the conversation on the screen."""
        elsewhere = sanction.get("conversation", here) != here
        head, *rest = wording.sanction(sanction)
        place = "(another conversation) " if elsewhere else ""
        self._show(sanction["sanction"], sanction, [f"{place}{head}", *rest])

    def reported(self, told: Ruling) -> None:
        """Shows the state of a report or, without one, of an appeal against a sanction."""
        news = {name: value for name, value in told.items() if name != "duplicate"}
        if "report" in told:
            self._show(told["report"], news, wording.report(told))
            return
        appeal = told["appeal"]
        for name, shown in self._shown.items():
            if shown.get("decision") == appeal["decision"]:
                self._shown[name] = {**shown, "appeal": appeal}
        self._show(appeal["appeal"], news, wording.appeal(appeal))

    def explain(self, standing: Ruling) -> None:
        """Shows the sanctions of a user that were not shown before."""
        for sanction in standing["sanctions"]:
            if sanction["sanction"] not in self._shown:
                self.sanctioned(sanction)

    def restrict(self, standing: Ruling, here: str | None = None) -> None:
        """Shows all sanctions of a user in any case, for something was refused because of them."""
        for sanction in standing["sanctions"]:
            self._shown.pop(sanction["sanction"], None)
            self.sanctioned(sanction, here)

    def about(self) -> dict[str, Any]:
        """The decision that an appeal is about: the last shown that allows one."""
        for shown in reversed(self._shown.values()):
            if shown.get("appealable") and "appeal" not in shown and not shown.get("lifted"):
                return {"decision": shown["decision"]}
        raise UsageError("nothing is shown here against which you could appeal")

    def _show(self, name: str, news: Ruling, lines: list[str]) -> None:
        known = self._shown.get(name, news)
        if _version(news) < _version(known):
            return
        if self._shown.get(name) != news:
            # It becomes the one that was shown last.
            self._shown.pop(name, None)
            self._shown[name] = news
            self._screen.deal(*lines)


def _version(ruling: Ruling) -> int:
    """The version of a sanction or a report, or of the appeal where there is nothing else."""
    return int(ruling.get("version") or ruling.get("appeal", {}).get("version", 0))
