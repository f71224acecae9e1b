"""The slash commands about a deal: one table of what each takes, does and sends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from command_line.client.packets import Opcode
from command_line.client.payloads import (
    Payload,
    UsageError,
    WrongArgumentsError,
    edit_price,
    end,
    propose,
    rate,
    terminate,
)
from command_line.display.money import MoneyError


@dataclass(frozen=True)
class Command:
    """One command. `actions` are those of `allowed_actions` that it carries out."""

    name: str
    arguments: str
    does: str
    opcode: Opcode
    actions: tuple[str, ...]
    write: Callable[[Mapping[str, Any], str], Payload]

    @property
    def usage(self) -> str:
        return f"{self.name} {self.arguments}".rstrip()

    def payload(self, shown: Mapping[str, Any], arguments: str) -> Payload:
        """What to send about a service as it was last shown, or for a new one in a conversation."""
        try:
            return self.write(shown, arguments)
        except MoneyError as error:
            raise UsageError(str(error)) from error
        except WrongArgumentsError as error:
            raise UsageError(f"write: {self.usage}") from error


COMMANDS: tuple[Command, ...] = (
    Command(
        "/offer",
        "PRICE CURRENCY TITLE [-- DESCRIPTION]",
        "offer to do something at a price",
        Opcode.SERVICE_CREATED,
        (),
        partial(propose, role="provider"),
    ),
    Command(
        "/request",
        "PRICE CURRENCY TITLE [-- DESCRIPTION]",
        "ask the other to do it, and pay",
        Opcode.SERVICE_CREATED,
        (),
        partial(propose, role="client"),
    ),
    Command(
        "/accept",
        "",
        "accept the offer as it was last shown",
        Opcode.NEGOTIATION_END,
        ("accept",),
        partial(end, outcome="agreed"),
    ),
    Command(
        "/counter",
        "PRICE [NOTE]",
        "name another price, also for your own offer",
        Opcode.PRICE_EDITED,
        ("counter", "revise"),
        partial(edit_price, amend=False),
    ),
    Command(
        "/decline",
        "",
        "decline the offer",
        Opcode.NEGOTIATION_END,
        ("decline",),
        partial(end, outcome="declined"),
    ),
    Command(
        "/withdraw",
        "",
        "withdraw your offer, or your dispute",
        Opcode.NEGOTIATION_END,
        ("withdraw",),
        partial(end, outcome="withdrawn"),
    ),
    Command(
        "/amend",
        "PRICE [NOTE]",
        "propose another price for what is agreed",
        Opcode.PRICE_EDITED,
        ("propose_amendment",),
        partial(edit_price, amend=True),
    ),
    Command(
        "/deliver",
        "",
        "say that you have done it",
        Opcode.SERVICE_TERMINATED,
        ("deliver",),
        partial(terminate, outcome="delivered"),
    ),
    Command(
        "/complete",
        "",
        "take it as completed",
        Opcode.SERVICE_TERMINATED,
        ("complete",),
        partial(terminate, outcome="completed"),
    ),
    Command(
        "/reopen",
        "[REASON]",
        "have it done again",
        Opcode.SERVICE_TERMINATED,
        ("reopen",),
        partial(terminate, outcome="reopened"),
    ),
    Command(
        "/cancel",
        "[REASON]",
        "ask to cancel it, or confirm that",
        Opcode.SERVICE_TERMINATED,
        ("request_cancellation", "confirm_cancellation"),
        partial(terminate, outcome="cancelled"),
    ),
    Command(
        "/rate",
        "1..5 [COMMENT]",
        "rate the other, who sees it once both have",
        Opcode.NOTE_SUBMITTED,
        ("submit_note",),
        rate,
    ),
)
