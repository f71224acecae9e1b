"""Idempotent commands: each idempotency key of an actor takes effect once.

A service's rules import it: it needs nothing but the standard library and the rules of the kit.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from hashlib import sha256
from inspect import get_annotations
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from service_kit.rules import Refusal

IDEMPOTENCY_KEY_CONFLICT = "IDEMPOTENCY_KEY_CONFLICT"

Key = tuple[str, str]
"""An actor and one of the actor's idempotency keys."""


@dataclass(frozen=True, slots=True)
class IdempotentCommand:
    """The base of commands that bear an idempotency key; empty for none.

    What a base declares says who asks. What a command's own class declares is what the client says,
    all of which goes into its fingerprint. What the service knows besides stands elsewhere.
    `NAME` is that of the class in fingerprints, where it was another when these were stored.
    """

    NAME: ClassVar[str] = ""
    actor: str
    idempotency_key: str = field(default="", kw_only=True)

    @property
    def key(self) -> Key | None:
        """The key with its owner; None without one."""
        return (self.actor, self.idempotency_key) if self.idempotency_key else None


def fingerprint(command: IdempotentCommand) -> str:
    """Digest what a client says with a command: the name of its class and its own fields.

    Fingerprints are stored: to rename a class or a field makes stored keys conflict.
    """
    kind: Any = type(command)
    said = {name: getattr(command, name) for name in _said_by_clients(kind)}
    words = _encode([command.NAME or kind.__name__, said])
    return sha256(words.encode()).hexdigest()


# Made once: to make it, and to look at the class, cost more than to encode a command.
_encode = json.JSONEncoder(sort_keys=True, default=asdict).encode


@cache
def _said_by_clients(kind: type[Any]) -> tuple[str, ...]:
    own = get_annotations(kind)
    return tuple(one.name for one in fields(kind) if one.name in own)


def conflict() -> Refusal:
    """Refuse a used key for anything but the command that it was used for."""
    message = "this idempotency key was used for another command"
    return Refusal(IDEMPOTENCY_KEY_CONFLICT, message, "idempotency_key")


class Task(Protocol):
    """An item of a batch: a command, with what the service knows about it."""

    @property
    def command(self) -> object: ...


class UsedKey(Protocol):
    """A stored key: the fingerprint of its command, and the place of the first answer."""

    @property
    def fingerprint(self) -> str: ...


TaskType = TypeVar("TaskType", bound=Task)
UsedKeyType = TypeVar("UsedKeyType", bound=UsedKey)
Answer = TypeVar("Answer")


class IdempotentRunner(ABC, Generic[TaskType, UsedKeyType, Answer]):
    """Carries out the tasks of a transaction one after the other, each idempotency key once.

    `used_keys` are those that were found stored, then also those of this transaction;
    `new_keys` are the latter alone, to be stored with what came of their commands.
    """

    def __init__(self, used_keys: Mapping[Key, UsedKeyType]) -> None:
        self.used_keys = dict(used_keys)
        self.new_keys: dict[Key, UsedKeyType] = {}
        self.first_answers: dict[Key, Answer] = {}

    def carry_out(self, task: TaskType) -> Answer | Refusal:
        """Decide a command, after all before it; or answer it as its key was answered first."""
        command = task.command
        if not isinstance(command, IdempotentCommand) or (key := command.key) is None:
            return self.decide(task)
        digest = fingerprint(command)
        if (used := self.used_keys.get(key)) is not None:
            if used.fingerprint != digest:
                return conflict()
            if key not in self.first_answers:
                self.first_answers[key] = self.rebuild_answer(task, used)
            return self.first_answers[key]
        answer = self.decide(task)
        if not isinstance(answer, Refusal):
            self.used_keys[key] = self.new_keys[key] = self.use_key(task, answer, digest)
            self.first_answers[key] = self.repeat_answer(answer)
        return answer

    def forget_key(self, key: Key) -> None:
        """Let a key be used anew."""
        for known in (self.used_keys, self.new_keys, self.first_answers):
            known.pop(key, None)

    @abstractmethod
    def decide(self, task: TaskType) -> Answer | Refusal:
        """Decide a command and keep what it changes. A refusal uses no key."""

    @abstractmethod
    def use_key(self, task: TaskType, answer: Answer, fingerprint: str) -> UsedKeyType:
        """Give what is to be stored of a key whose command has taken effect."""

    @abstractmethod
    def repeat_answer(self, answer: Answer) -> Answer:
        """Give the answer to a repetition of what this transaction has answered."""

    @abstractmethod
    def rebuild_answer(self, task: TaskType, used: UsedKeyType) -> Answer:
        """Give the first answer of an earlier transaction, from what that has stored."""
