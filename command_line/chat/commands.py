"""The slash commands of a chat in one table: what each takes, does and sends; and its help."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec import Struct

from command_line.chat import payloads
from command_line.chat.lists import LISTS
from command_line.chat.payloads import Shown, UsageError, WrongArgumentsError
from parley_client.views.price import PriceError
from parley_protocol.packets import Op


@dataclass(frozen=True)
class Command:
    """A slash command, and the words of `allowed_actions` that it stands for."""

    name: str
    arguments: str
    does: str
    opcode: Op
    actions: tuple[str, ...]
    build: Callable[[Shown, str], Struct]

    @property
    def usage(self) -> str:
        return f"{self.name} {self.arguments}".rstrip()

    def payload(self, shown: Shown, arguments: str) -> Struct:
        """The payload of what was typed; UsageError when it is wrong."""
        try:
            return self.build(shown, arguments)
        except PriceError as error:
            raise UsageError(str(error)) from error
        except WrongArgumentsError as error:
            raise UsageError(f"write: {self.usage}") from error


_ABOUT_A_DEAL = (
    Command(
        "/offer",
        "PRICE CURRENCY TITLE [-- DESCRIPTION]",
        "offer to do something at a price",
        Op.SERVICE_CREATED,
        (),
        partial(payloads.propose, role="provider"),
    ),
    Command(
        "/request",
        "PRICE CURRENCY TITLE [-- DESCRIPTION]",
        "ask the other to do it, and pay",
        Op.SERVICE_CREATED,
        (),
        partial(payloads.propose, role="client"),
    ),
    Command(
        "/accept",
        "",
        "accept the offer as it was last shown",
        Op.NEGOTIATION_END,
        ("accept",),
        partial(payloads.end, outcome="agreed"),
    ),
    Command(
        "/counter",
        "PRICE [NOTE]",
        "name another price, also for your own offer",
        Op.PRICE_EDITED,
        ("counter", "revise"),
        partial(payloads.edit_price, amend=False),
    ),
    Command(
        "/decline",
        "",
        "decline the offer",
        Op.NEGOTIATION_END,
        ("decline",),
        partial(payloads.end, outcome="declined"),
    ),
    Command(
        "/withdraw",
        "",
        "withdraw your offer, or your dispute",
        Op.NEGOTIATION_END,
        ("withdraw",),
        partial(payloads.end, outcome="withdrawn"),
    ),
    Command(
        "/amend",
        "PRICE [NOTE]",
        "propose another price for what is agreed",
        Op.PRICE_EDITED,
        ("propose_amendment",),
        partial(payloads.edit_price, amend=True),
    ),
    Command(
        "/deliver",
        "",
        "say that you have done it",
        Op.SERVICE_TERMINATED,
        ("deliver",),
        partial(payloads.terminate, outcome="delivered"),
    ),
    Command(
        "/complete",
        "",
        "take it as completed",
        Op.SERVICE_TERMINATED,
        ("complete",),
        partial(payloads.terminate, outcome="completed"),
    ),
    Command(
        "/reopen",
        "[REASON]",
        "have it done again",
        Op.SERVICE_TERMINATED,
        ("reopen",),
        partial(payloads.terminate, outcome="reopened"),
    ),
    Command(
        "/cancel",
        "[REASON]",
        "ask to cancel it, or confirm that",
        Op.SERVICE_TERMINATED,
        ("request_cancellation", "confirm_cancellation"),
        partial(payloads.terminate, outcome="cancelled"),
    ),
    Command(
        "/rate",
        "1..5 [COMMENT]",
        "rate the other, who sees it once both have",
        Op.NOTE_SUBMITTED,
        ("submit_note",),
        payloads.rate,
    ),
    Command(
        "/dispute",
        "REASON STATEMENT [-- REFUND]",
        "dispute the deal, which then waits",
        Op.LITIGE_CREATED,
        ("open_dispute",),
        payloads.dispute,
    ),
)
_ABOUT_RULES = (
    Command(
        "/report",
        "[#N|conversation] REASON [COMMENT]",
        "report the other's last message, or N, or all",
        Op.REPORT_MSG,
        (),
        payloads.report,
    ),
    Command(
        "/report-statement",
        "[#N] REASON [COMMENT]",
        "report the other's last statement, or N",
        Op.REPORT_STATEMENT,
        (),
        payloads.report,
    ),
    Command(
        "/appeal",
        "TEXT",
        "have the decision shown last looked at again",
        Op.APPEAL,
        (),
        payloads.appeal,
    ),
)
# Named as what withdraws an offer: a deal that is disputed has none that could be withdrawn.
WITHDRAW = Command(
    "/withdraw",
    "",
    "withdraw the dispute that you have opened",
    Op.LITIGE_STATEMENT,
    ("withdraw",),
    payloads.withdraw,
)
_STATEMENTS = (
    Command(
        "/state",
        "TEXT",
        "state your case in the dispute",
        Op.LITIGE_STATEMENT,
        ("state",),
        payloads.state,
    ),
    Command(
        "/settle",
        "AMOUNT [TEXT]",
        "offer AMOUNT to the provider, the client the rest",
        Op.LITIGE_STATEMENT,
        ("propose",),
        payloads.settle,
    ),
    Command(
        "/accept-settlement",
        "[TEXT]",
        "accept the settlement as it was last shown",
        Op.LITIGE_STATEMENT,
        ("accept",),
        payloads.accept_settlement,
    ),
)
_ABOUT_A_DISPUTE = (*_STATEMENTS, WITHDRAW)
COMMANDS = (*_ABOUT_A_DEAL, *_ABOUT_RULES, *_STATEMENTS)
# What withdraws a dispute has the name of what withdraws an offer: see `Conversation.meant_by`.
BY_NAME = {one.name: one for one in COMMANDS}
_OTHERS = (
    ("/edit TEXT", "give your last message another text"),
    ("/delete", "delete your last message"),
    ("/deal", "show how the deal stands, and what you may do"),
    *((name, one.does) for name, one in LISTS.items()),
    ("/block", "block the other one, who is not told"),
    ("/unblock", "no longer block the other one"),
    ("/typing", "tell the other one that you are typing"),
    ("/help", "this"),
    ("/quit", "leave (so does Ctrl-D; Ctrl-C leaves at once)"),
)
_ROWS = (*((one.usage, one.does) for one in COMMANDS), *_OTHERS)
HELP = "\n".join(
    (
        "  Type a line and press Enter to send it; a space before a / sends that as well.",
        *(f"  {usage:<46} {does}" for usage, does in _ROWS),
        "  A PRICE is written as 120 or 120.50, with a CURRENCY of ISO 4217 such as EUR.",
    )
)


def choices(service: Shown) -> str:
    """The commands that a service allows its reader now; empty when there are none."""
    return _named(service, _ABOUT_A_DEAL)


def dispute_choices(dispute: Shown) -> str:
    """The commands that a dispute allows its reader now."""
    return _named(dispute, _ABOUT_A_DISPUTE)


def _named(shown: Shown, offered: Sequence[Command]) -> str:
    allowed = set(shown["allowed_actions"])
    return ", ".join(one.usage for one in offered if allowed & set(one.actions))
