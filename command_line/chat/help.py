"""All slash commands of a chat: which there are, and what they do."""

from collections.abc import Mapping, Sequence
from typing import Any

from command_line.chat import commands, moderation_commands
from command_line.chat.commands import Command

COMMANDS = (*commands.COMMANDS, *moderation_commands.COMMANDS)
# What withdraws a dispute has the name of what withdraws an offer: see `Conversation.meant_by`.
BY_NAME = {one.name: one for one in COMMANDS}
OTHERS = (
    ("/edit TEXT", "give your last message another text"),
    ("/delete", "delete your last message"),
    ("/deal", "show how the deal stands, and what you may do"),
    ("/block", "block the other one, who is not told"),
    ("/unblock", "no longer block the other one"),
    ("/typing", "tell the other one that you are typing"),
    ("/help", "this"),
    ("/quit", "leave (so does Ctrl-D; Ctrl-C leaves at once)"),
)
_ROWS = (*((one.usage, one.does) for one in COMMANDS), *OTHERS)
HELP = "\n".join(
    (
        "  Type a line and press Enter to send it; a space before a / sends that as well.",
        *(f"  {usage:<46} {does}" for usage, does in _ROWS),
        "  A PRICE is written as 120 or 120.50, with a CURRENCY of ISO 4217 such as EUR.",
    )
)


def choices(service: Mapping[str, Any]) -> str:
    """What its reader may do with a service now, as commands; empty when that is nothing."""
    return _named(service, (*commands.COMMANDS, *moderation_commands.ABOUT_A_DEAL))


def dispute_choices(dispute: Mapping[str, Any]) -> str:
    """What its reader may do with a dispute now."""
    return _named(dispute, moderation_commands.ABOUT_A_DISPUTE)


def _named(shown: Mapping[str, Any], offered: Sequence[Command]) -> str:
    allowed = set(shown["allowed_actions"])
    return ", ".join(one.usage for one in offered if allowed & set(one.actions))
