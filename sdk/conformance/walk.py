"""Walks: scenarios made of random steps. A seed always makes the same ones."""

import re
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any

from conformance.faults import Act, Fault, Manner, Refusal
from conformance.scenario import (
    AnyStep,
    Call,
    Capability,
    Kill,
    Open,
    Outcome,
    Part,
    PartName,
    Pause,
    Perform,
    Refuse,
    Say,
    Scenario,
    SetFault,
    Token,
    TokenMode,
)

_NAME = re.compile(r"walk-(\d+)-(\d+)")
_STEPS = 25
_DEVICES = ("ann/phone", "ann/desk", "bob")
_MANNERS: tuple[Manner, ...] = ("reset", "reset", "finish", "half", "silence")
_PACKETS = ("", "", "ALERT_NEW_MSG", "STATUS_MSG", "MSG_CHANGED", "HELLO", "RESUMED", "PING")
_COMMANDS = ("", "CREATE_MSG", "EDIT_MSG", "PONG")
_CLOSES = (4100, 4101, 4102, 4200, 4201, 4300, 4301, 1001, 1011, 4999)
_MODES: tuple[TokenMode, ...] = ("throws", "rubbish", "blank")
_PARTS: tuple[PartName, ...] = ("edge", "messaging", "negotiation")
# For everything that was given to be done while parts were away.
_WITHIN = 120.0


def walks(seed: int) -> Iterator[Scenario]:
    """The walks of a seed, without end."""
    for number in count(1):
        yield make_walk(seed, number)


def find_walk(name: str) -> Scenario | None:
    """The walk that has this name; None for a name that no walk has."""
    found = _NAME.fullmatch(name)
    return None if found is None else make_walk(int(found[1]), int(found[2]))


def make_walk(seed: int, number: int) -> Scenario:
    """One walk of a seed. In those of odd numbers processes are killed, whose store outlives them,
    so that a library without a store has the others.
    """
    store = number % 2 == 1
    # The same in every process, which the hash of a tuple is not.
    walk = _Walk(Random(f"{seed}-{number}"), store=store)
    walk.take()
    needs: list[Capability] = ["messages", "changes", "deals"]
    if store:
        needs.append("store")
    title = "A walk at random over faults, people and what they do"
    return Scenario(
        name=f"walk-{seed}-{number}", title=title, steps=walk.steps, needs=needs, closes=[4102]
    )


class _Walk:
    """The steps of a walk as they are made."""

    def __init__(self, random: Random, *, store: bool) -> None:
        self.steps: list[AnyStep] = []
        self._random = random
        self._store = store
        self._numbers = count(1)
        # Messages that were sent, each with its device.
        self._sent: dict[str, str] = {}
        # Those whose outcome was waited for.
        self._known: set[str] = set()
        # Those that nobody can wait for, for their process was killed.
        self._gone: set[str] = set()

    def take(self) -> None:
        """Make all steps."""
        options = {"answer_timeout_ms": 4000}
        self.steps += [Open(device=name, options=options) for name in _DEVICES]
        self._begin_deal()
        choices: list[tuple[int, Callable[[], None]]] = [
            (8, self._send),
            (4, self._say),
            (3, self._change),
            (3, self._bargain),
            (5, self._fault),
            (4, self._perform),
            (1, self._refuse),
            (1, self._token),
            (1, self._part),
            (1, self._pause),
            (2 if self._store else 0, self._kill),
        ]
        weights = [weight for weight, _ in choices]
        for _ in range(_STEPS):
            (chosen,) = self._random.choices(choices, weights)
            chosen[1]()
        for name in sorted(self._sent.keys() - self._known - self._gone):
            self.steps.append(Outcome(of=name, within=_WITHIN))

    def _device(self) -> str:
        return self._random.choice(_DEVICES)

    def _begin_deal(self) -> None:
        self.steps += [
            Call(
                device="ann/phone",
                command="send",
                arguments={"to": "@bob", "text": "The roof?"},
                keep="talk",
            ),
            Call(device="bob", command="send", arguments={"to": "@ann", "text": "Yes"}),
            Call(
                device="bob",
                command="propose",
                keep="deal",
                arguments={
                    "conversation": "$talk.conversation",
                    "role": "provider",
                    "title": "Roof",
                    "price": _euros(12_000),
                },
            ),
        ]

    def _send(self) -> None:
        device = self._device()
        for _ in range(self._random.randint(1, 4)):
            number = next(self._numbers)
            other = "@ann" if device == "bob" else "@bob"
            arguments = {"to": other, "text": f"Message {number} from {device}"}
            self._give(device, "send", arguments, f"m{number}")
            self._sent[f"m{number}"] = device

    def _give(self, device: str, command: str, arguments: dict[str, Any], keep: str) -> None:
        self.steps.append(
            Call(
                device=device,
                command=command,
                arguments=arguments,
                keep=keep,
                wait=False,
                within=_WITHIN,
            )
        )

    def _say(self) -> None:
        number = next(self._numbers)
        to = self._random.choice(("ann", "bob"))
        times = self._random.choice((1, 2, 10))
        text = f"Message {number}.# from outside"
        self.steps.append(Say(person="carl", to=to, text=text, count=times))

    def _change(self) -> None:
        """Edit or delete a message, once it is known which one it is."""
        names = sorted(self._sent.keys() - self._gone)
        if not names:
            return
        name = self._random.choice(names)
        if name not in self._known:
            self.steps.append(Outcome(of=name, within=_WITHIN))
            self._known.add(name)
        message = f"${name}.message"
        if self._random.random() < 0.6:
            arguments = {"message": message, "text": f"Edited {next(self._numbers)}"}
            self._tolerate(self._sent[name], "edit", arguments)
        else:
            self._tolerate(self._sent[name], "delete", {"message": message})

    def _bargain(self) -> None:
        price = _euros(self._random.randint(10_000, 20_000))
        device = self._device()
        if self._random.random() < 0.8:
            arguments = {"service": "$deal.service", "price": price}
            self._tolerate(device, "price", arguments)
        else:
            # Of the first offer, which is stale most of the time.
            arguments = {"service": "$deal.service", "offer": "$deal.offer"}
            self._tolerate(device, "accept", arguments)

    def _tolerate(self, device: str, command: str, arguments: dict[str, Any]) -> None:
        """Give a command that may be refused, for the other may have been faster."""
        self.steps.append(
            Call(
                device=device,
                command=command,
                arguments=arguments,
                tolerate=True,
                within=_WITHIN,
            )
        )

    def _act(self) -> Act:
        kind = self._random.random()
        if kind < 0.5:
            manner = self._random.choice(_MANNERS)
            return Act(cut=manner, after=self._random.random() < 0.5)
        if kind < 0.7:
            return Act(delay=self._random.uniform(0.05, 1.0))
        return Act(close=self._random.choice(_CLOSES))

    def _fault(self) -> None:
        device, nth = self._device(), self._random.choice((1, 1, 2, 5))
        if self._random.random() < 0.3:
            packet = self._random.choice(_COMMANDS)
            fault = Fault(act=self._act(), packet=packet, direction="=>", nth=nth)
        elif self._random.random() < 0.3:
            fault = Fault(act=Act(twice=True), packet="ALERT_NEW_MSG", times=10)
        else:
            fault = Fault(act=self._act(), packet=self._random.choice(_PACKETS), nth=nth)
        self.steps.append(SetFault(device=device, fault=fault))

    def _perform(self) -> None:
        act = self._act()
        if self._random.random() < 0.2:
            leave = {"op": 0x0F, "d": {"delay_ms": 500, "reason": "draining"}}
            act = Act(inject=(leave,))
        self.steps.append(Perform(device=self._device(), act=act))

    def _refuse(self) -> None:
        refusal = Refusal(status=503, times=self._random.randint(1, 2))
        self.steps.append(Refuse(device=self._device(), refusal=refusal))

    def _token(self) -> None:
        mode = self._random.choice(_MODES)
        self.steps.append(Token(device=self._device(), mode=mode, times=1))

    def _part(self) -> None:
        part = self._random.choice(_PARTS)
        self.steps += [Part(part=part, act="kill"), Part(part=part, act="start")]

    def _pause(self) -> None:
        self.steps.append(Pause(device=self._device(), seconds=self._random.uniform(0.5, 7)))

    def _kill(self) -> None:
        device = self._device()
        self.steps.append(Kill(device=device))
        self._gone |= {name for name, whose in self._sent.items() if whose == device}
        self._gone -= self._known
        options = {"answer_timeout_ms": 4000}
        self.steps.append(Open(device=device, state="", options=options))


def _euros(amount: int) -> dict[str, Any]:
    return {"amount_minor": amount, "currency": "EUR"}
