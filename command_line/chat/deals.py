"""The deals of a conversation as they were last shown, which commands are about."""

from collections.abc import Mapping
from typing import Any

from command_line.chat.commands import Command, choices
from command_line.chat.payloads import UsageError
from command_line.display import deals
from command_line.display.screen import Screen

Service = Mapping[str, Any]


class Deals:
    """Shows deals of answers, pushes and lists, which come in any order, where they are new."""

    def __init__(self, me: str, screen: Screen) -> None:
        self._me = me
        self._screen = screen
        self._shown: dict[str, Service] = {}
        # What was shown of each in its present version: an answer comes as a push as well, and one
        # version may bring several things that happened at once.
        self._causes: dict[str, set[str]] = {}

    def happened(self, service: Service, cause: str) -> None:
        """Shows an event of a deal, unless it or a later version was shown.

        Of two snapshots of one version this one counts: the other may have been read just before a
        deadline passed, which does not change the version.
        """
        identifier, version = service["service"], service["version"]
        known = self._shown.get(identifier)
        if known is not None and version <= known["version"]:
            if version < known["version"]:
                return
            if cause in self._causes[identifier] and service == known:
                return
            self._causes[identifier].add(cause)
        else:
            self._causes[identifier] = {cause}
        self._show(service, deals.summary(service, self._me, cause))

    def stands(self, service: Service) -> None:
        """Shows the state of a deal, unless it or a later version was shown."""
        known = self._shown.get(service["service"])
        if known is None or known["version"] < service["version"]:
            self.show(service)

    def renew(self, service: Service) -> None:
        """Shows the state of a deal, also an earlier one: the server may have lost later ones."""
        self._shown.pop(service["service"], None)
        self.stands(service)

    def show(self, service: Service, *, whole: bool = False) -> None:
        """Shows the state of a deal in any case; `whole` adds the details.

        A later version that a push has brought before is shown instead.
        """
        known = self._shown.get(service["service"])
        if known is not None and known["version"] > service["version"]:
            service = known
        self._causes.setdefault(service["service"], set())
        summary = deals.summary(service, self._me)
        more = deals.details(service, self._me) if whole else ()
        self._show(service, summary, *more)

    def about(self, command: Command) -> Service:
        """The deal that a command is about: the latest that allows it, or else the latest."""
        if not self._shown:
            raise UsageError(
                "no deal is shown here; /deal asks for it, /offer or /request proposes one"
            )
        latest = sorted(self._shown.values(), key=lambda one: str(one["created_at"]), reverse=True)
        allowing = (one for one in latest if set(command.actions) & set(one["allowed_actions"]))
        return next(allowing, latest[0])

    def _show(self, service: Service, *lines: str) -> None:
        self._shown[service["service"]] = service
        possible = choices(service)
        self._screen.deal(*lines, *([f"you may: {possible}"] if possible else ()))
