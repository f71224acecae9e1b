"""The slash commands about reports, appeals and disputes, in one table as those about a deal."""

from command_line.chat.commands import Command
from command_line.client import moderation_payloads as payloads
from command_line.client.packets import Opcode

ABOUT_RULES = (
    Command(
        "/report",
        "[#N|conversation] REASON [COMMENT]",
        "report the other's last message, or N, or all",
        Opcode.REPORT_MSG,
        (),
        payloads.report,
    ),
    Command(
        "/appeal",
        "TEXT",
        "have the decision shown last looked at again",
        Opcode.APPEAL,
        (),
        payloads.appeal,
    ),
)
ABOUT_A_DEAL = (
    Command(
        "/dispute",
        "REASON STATEMENT [-- REFUND]",
        "dispute the deal, which then waits",
        Opcode.LITIGE_CREATED,
        ("open_dispute",),
        payloads.dispute,
    ),
)
# Named as what withdraws an offer: a deal that is disputed has none that could be withdrawn.
WITHDRAW = Command(
    "/withdraw",
    "",
    "withdraw the dispute that you have opened",
    Opcode.LITIGE_STATEMENT,
    ("withdraw",),
    payloads.withdraw,
)
_STATEMENTS = (
    Command(
        "/state",
        "TEXT",
        "state your case in the dispute",
        Opcode.LITIGE_STATEMENT,
        ("state",),
        payloads.state,
    ),
    Command(
        "/settle",
        "AMOUNT [TEXT]",
        "offer AMOUNT to the provider, the client the rest",
        Opcode.LITIGE_STATEMENT,
        ("propose",),
        payloads.settle,
    ),
    Command(
        "/accept-settlement",
        "[TEXT]",
        "accept the settlement as it was last shown",
        Opcode.LITIGE_STATEMENT,
        ("accept",),
        payloads.accept_settlement,
    ),
)
ABOUT_A_DISPUTE = (*_STATEMENTS, WITHDRAW)
COMMANDS = (*ABOUT_RULES, *ABOUT_A_DEAL, *_STATEMENTS)
