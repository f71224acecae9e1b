"""Commands with idempotency keys, and that each key takes effect once."""

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

import pytest

from service_kit.idempotency import (
    IDEMPOTENCY_KEY_CONFLICT,
    IdempotentCommand,
    IdempotentRunner,
    fingerprint,
)
from service_kit.rules import Refusal


class Money(NamedTuple):
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Part:
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Pay(IdempotentCommand):
    service: str
    price: Money
    parts: tuple[Part, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClerkCommand(IdempotentCommand):
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refund(ClerkCommand):
    service: str


@dataclass(frozen=True, slots=True)
class Tick:
    service: str


PAY = Pay("ann", "s", Money(7, "EUR"), (Part(3, 4),), idempotency_key="k")


def test_a_fingerprint_is_of_what_the_client_says() -> None:
    """The actor, the roles and the key are no part of it; all else is."""
    body = {"note": "", "parts": [{"first": 3, "second": 4}], "price": [7, "EUR"], "service": "s"}
    assert fingerprint(PAY) == sha256(json.dumps(["Pay", body]).encode()).hexdigest()
    assert fingerprint(replace(PAY, actor="bob", idempotency_key="")) == fingerprint(PAY)
    assert fingerprint(Refund("ann", ("clerk",), "s")) == fingerprint(Refund("bob", (), "s"))
    assert fingerprint(Refund("ann", (), "s")) != fingerprint(Refund("ann", (), "t"))


@pytest.mark.parametrize(
    "other",
    [
        replace(PAY, service="t"),
        replace(PAY, price=Money(7, "USD")),
        replace(PAY, parts=(Part(4, 3),)),
        replace(PAY, note="x"),
    ],
)
def test_every_word_counts(other: Pay) -> None:
    assert fingerprint(other) != fingerprint(PAY)


class Task(NamedTuple):
    command: Pay | Refund | Tick


class UsedKey(NamedTuple):
    fingerprint: str
    answer: str


class Runner(IdempotentRunner[Task, UsedKey, str]):
    """Answers with how many commands there were, and refuses what costs nothing."""

    count = 0

    def decide(self, task: Task) -> str | Refusal:
        self.count += 1
        if isinstance(task.command, Pay) and task.command.price.amount == 0:
            return Refusal("FREE", "costs nothing")
        return f"decided {self.count}"

    def use_key(self, task: Task, answer: str, fingerprint: str) -> UsedKey:
        return UsedKey(fingerprint, f"{answer} for {task.command.service}")

    def repeat_answer(self, answer: str) -> str:
        return f"again {answer}"

    def rebuild_answer(self, task: Task, used: UsedKey) -> str:
        return f"{task.command.service}: {used.answer}"


def run(runner: Runner, *commands: Pay | Refund | Tick) -> list[str]:
    outcomes = [runner.carry_out(Task(one)) for one in commands]
    return [one.reason if isinstance(one, Refusal) else one for one in outcomes]


def test_a_key_takes_effect_once() -> None:
    """The same command is answered as at first, another is refused, in one transaction as later."""
    other, theirs = replace(PAY, note="x"), replace(PAY, actor="bob")
    runner = Runner({})
    assert run(runner, PAY, PAY, other, theirs) == [
        "decided 1", "again decided 1", IDEMPOTENCY_KEY_CONFLICT, "decided 2",
    ]  # fmt: skip
    assert runner.new_keys == runner.used_keys
    later = Runner(runner.new_keys)
    assert run(later, other, PAY, PAY, theirs) == [
        IDEMPOTENCY_KEY_CONFLICT, "s: decided 1 for s", "s: decided 1 for s", "s: decided 2 for s",
    ]  # fmt: skip
    assert (later.count, later.new_keys) == (0, {})


def test_what_bears_no_key_is_decided_each_time() -> None:
    """So are commands that can bear none."""
    bare = replace(PAY, idempotency_key="")
    runner = Runner({})
    assert run(runner, bare, bare, Tick("s"), Tick("s")) == [f"decided {n}" for n in (1, 2, 3, 4)]
    assert runner.new_keys == {}


def test_a_refusal_uses_no_key() -> None:
    """The key serves for the command with which the actor then succeeds."""
    runner = Runner({})
    assert run(runner, replace(PAY, price=Money(0, "EUR")), PAY) == ["FREE", "decided 2"]


def test_a_forgotten_key_can_be_used_anew() -> None:
    """For whatever command, whether it was stored before or not."""
    runner = Runner({("bob", "k"): UsedKey("x", "")})
    run(runner, PAY)
    for actor in ("ann", "bob"):
        runner.forget_key((actor, "k"))
    assert runner.used_keys == {}
    assert run(runner, replace(PAY, note="x")) == ["decided 2"]
    assert run(runner, replace(PAY, actor="bob")) == ["decided 3"]
