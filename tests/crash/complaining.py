"""People who complain: of what was written to them, and of services that were agreed."""

import asyncio
from typing import Any

from parley_protocol.packets import Op
from tests.crash.talker import Talker
from tests.support.inbox import Packet

# On average between two complaints of a device.
_PAUSE_SECONDS = 1.0
_REASONS = ("spam", "scam", "harassment", "privacy")
_DISPUTE_REASONS = ("not_delivered", "quality", "payment")

Filing = tuple[int, dict[str, Any]]


async def complain(talker: Talker, enough: asyncio.Event) -> None:
    """Report, dispute, state one's case and settle, now and then twice with the same key."""
    while True:
        for op, d in _choose(talker, await talker.place()):
            await talker.ask(op, d)
        if await talker.pause(_PAUSE_SECONDS, enough):
            return


def _choose(talker: Talker, conversation: str) -> list[Filing]:
    filings = [_report(talker, conversation)]
    for service in talker.device.services:
        if service["conversation"] == conversation:
            dispute = talker.device.dispute_of(service["service"])
            if "open_dispute" in service["allowed_actions"]:
                filings.append(_open(talker, service))
            elif dispute is not None and dispute["allowed_actions"]:
                filings.append(_state(talker, dispute))
    return talker.random.sample(filings, 1)


def _report(talker: Talker, conversation: str) -> Filing:
    reason = talker.random.choice(_REASONS)
    if not talker.read or talker.random.random() < 0.2:
        return Op.REPORT_CONVERSATIONS, {"conversation": conversation, "reason": reason}
    return Op.REPORT_MSG, {"message": talker.random.choice(list(talker.read)), "reason": reason}


def _open(talker: Talker, service: Packet) -> Filing:
    dispute: dict[str, Any] = {
        "service": service["service"],
        "reason": talker.random.choice(_DISPUTE_REASONS),
        "statement": f"says {talker.name}",
    }
    if talker.random.random() < 0.5:
        # Not more than any price, for that may be another one by now.
        dispute["claim"] = {"refund": {**service["agreed"]["price"], "amount_minor": 1}}
    return Op.LITIGE_CREATED, dispute


def _state(talker: Talker, dispute: Packet) -> Filing:
    about = {"dispute": dispute["dispute"]}
    match talker.random.choice(dispute["allowed_actions"]):
        case "propose":
            price = dispute["price"]["amount_minor"]
            part = talker.random.randint(0, price)
            settlement = {"provider_minor": part, "client_minor": price - part}
            return Op.LITIGE_STATEMENT, {**about, "settlement": settlement}
        case "accept":
            offer = dispute["offers"][-1]
            accept = {"offer": offer["number"], "settlement": offer["settlement"]}
            return Op.LITIGE_STATEMENT, {**about, "accept": accept}
        case "withdraw":
            return Op.LITIGE_STATEMENT, {**about, "withdraw": True}
        case _:
            return Op.LITIGE_STATEMENT, {**about, "text": f"says {talker.name}"}
