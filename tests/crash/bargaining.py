"""People who bargain: from proposals over prices and agreements to notes, and not always wisely."""

import asyncio
from typing import Any

from parley_protocol.packets import Op
from tests.crash.talker import Talker
from tests.support.inbox import Packet

# On average between two commands of a device.
_PAUSE_SECONDS = 0.5
# What rests upon a number, a price or a role that was right a while ago, or never.
_SHARE_OF_MISTAKES = 0.15
# Offers that end so soon that time reminds of them, and then acts.
_SHARE_OF_SHORT_OFFERS = 0.2
_SHORT_OFFER_SECONDS = 2
_MOST_PRICE = 10**9
# How often what is allowed is done: a deal shall come to its end, by one way or another.
_WEIGHTS = {
    "counter": 3,
    "revise": 2,
    "accept": 4,
    "decline": 1,
    "withdraw": 1,
    "propose_amendment": 1,
    "deliver": 4,
    "complete": 4,
    "reopen": 1,
    "request_cancellation": 1,
    "confirm_cancellation": 2,
    "submit_note": 4,
}
_OUTCOMES = {
    "deliver": "delivered",
    "complete": "completed",
    "reopen": "reopened",
    "request_cancellation": "cancelled",
    "confirm_cancellation": "cancelled",
}

Command = tuple[int, dict[str, Any]]


async def bargain(talker: Talker, enough: asyncio.Event) -> None:
    """Do what may be done about the services with partners, and some that may not."""
    random = talker.random
    while True:
        conversation = await talker.place()
        # The second rests upon what the first may have changed.
        for op, d in [_choose(talker, conversation) for _ in range(random.randint(1, 2))]:
            await talker.ask(op, d)
        if await talker.pause(_PAUSE_SECONDS, enough):
            return


def _choose(talker: Talker, conversation: str) -> Command:
    random = talker.random
    service = _latest(talker, conversation)
    if service is None:
        return _propose(talker, conversation)
    actions = [one for one in service["allowed_actions"] if one in _WEIGHTS]
    if random.random() < _SHARE_OF_MISTAKES:
        actions = list(_WEIGHTS)
    elif not actions or (service["state"] in {"closed", "completed"} and random.random() < 0.3):
        return _propose(talker, conversation)
    (action,) = random.choices(actions, [_WEIGHTS[one] for one in actions])
    return _act(talker, service, action)


def _latest(talker: Talker, conversation: str) -> Packet | None:
    """The newest service of a conversation, as this device was last shown it."""
    found = [
        (one["created_at"], one["service"], one)
        for one in talker.device.services
        if one["conversation"] == conversation
    ]
    return max(found)[2] if found else None


def _price(talker: Talker) -> dict[str, Any]:
    """One that nobody else names, so that it tells whose offer it is."""
    return {"amount_minor": talker.random.randint(1, _MOST_PRICE), "currency": "EUR"}


def _propose(talker: Talker, conversation: str) -> Command:
    random = talker.random
    proposal: dict[str, Any] = {
        "conversation": conversation,
        "role": random.choice(("provider", "client")),
        "title": f"Roof of {talker.name}",
        "price": _price(talker),
    }
    if random.random() < _SHARE_OF_SHORT_OFFERS:
        proposal["offer_ttl_s"] = _SHORT_OFFER_SECONDS
    return Op.SERVICE_CREATED, proposal


def _act(talker: Talker, service: Packet, action: str) -> Command:
    random = talker.random
    about = {"service": service["service"]}
    live = service.get("offer") or service.get("amendment")
    number = live["number"] if live else 0
    match action:
        case "counter" | "revise" | "propose_amendment":
            return Op.PRICE_EDITED, {**about, "price": _price(talker), "base_offer": number}
        case "accept":
            price = live["price"] if live else _price(talker)
            if random.random() < _SHARE_OF_MISTAKES:
                price = {**price, "amount_minor": price["amount_minor"] + 1}
            agreed = {**about, "outcome": "agreed", "offer": number or 1, "price": price}
            return Op.NEGOTIATION_END, agreed
        case "decline" | "withdraw":
            outcome = "declined" if action == "decline" else "withdrawn"
            return Op.NEGOTIATION_END, {**about, "outcome": outcome, "offer": number or 1}
        case "submit_note":
            score = random.randint(1, 5)
            return Op.NOTE_SUBMITTED, {**about, "score": score, "comment": f"by {talker.name}"}
    reason = f"says {talker.name}"
    return Op.SERVICE_TERMINATED, {**about, "outcome": _OUTCOMES[action], "reason": reason}
