"""A run of one scenario: its steps are taken one after the other, and what came of them checked."""

import asyncio
import functools
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from conformance import scenario as steps
from conformance.adapter import AdapterError, Library, Message, Refused
from conformance.checks import check_device, check_events, check_fresh, check_view
from conformance.device import Device, has, make_device
from conformance.person import Books, Person
from conformance.scenario import AnyStep, Scenario, devices_of, user_of
from conformance.wire import write_wire
from conformance.wire_checks import check_wire
from conformance.world import World
from parley_protocol.packets import Op

_VIEW_SECONDS = 30.0
_CONVERGE_SECONDS = 20.0
_AGAIN_SECONDS = 0.3
_UNDER_WAY = {"queued", "sent"}


class StepError(Exception):
    """A step that did not come out as the scenario says."""


class Result(NamedTuple):
    """The result of a run. `findings` say what was broken; `folder` holds the transcripts then."""

    scenario: str
    status: Literal["passed", "failed", "not supported"]
    findings: Sequence[str]
    seconds: float
    folder: Path | None = None


class Run:
    """A scenario under way, with people whom no other run has."""

    def __init__(self, scenario: Scenario, library: Library, world: World, folder: Path) -> None:
        self.scenario = scenario
        self._library = library
        self.devices: dict[str, Device] = {}
        self._world = world
        self._folder = folder
        self._suffix = secrets.token_hex(4)
        self._kept: dict[str, Any] = {}
        self._stack = AsyncExitStack()

    async def __call__(self) -> Result:
        """Take all steps and check; an error of the kit itself is raised."""
        began = time.monotonic()
        findings: list[str] = []
        lacking = sorted(set(self.scenario.needs) - self._library.capabilities)
        if lacking:
            return self._result("not supported", [f"lacks {', '.join(lacking)}"], began)
        async with self._stack:
            try:
                for name in devices_of(self.scenario):
                    self.devices[name] = await self._make(name)
                findings += await self._take_all()
            finally:
                await asyncio.to_thread(self._world.mend)
                for device in self.devices.values():
                    await device.end()
                self._write(findings)
        return self._result("failed" if findings else "passed", findings, began)

    def _result(
        self,
        status: Literal["passed", "failed", "not supported"],
        findings: list[str],
        began: float,
    ) -> Result:
        folder = self._folder if status == "failed" else None
        return Result(self.scenario.name, status, findings, time.monotonic() - began, folder)

    async def _make(self, name: str) -> Device:
        folder = self._folder / name.replace("/", "-")
        user = self.user(user_of(name))
        return await make_device(self._stack, name, user, self._library, folder, self._world)

    async def _take_all(self) -> list[str]:
        for number, step in enumerate(self.scenario.steps, start=1):
            try:
                await self._take(step)
            except (StepError, Refused, TimeoutError, AdapterError, RuntimeError) as error:
                what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                said = f"step {number} ({_described(step)}): {what}"
                return [said, *self._states(), *self._seen()]
        return await self._check()

    def _states(self) -> list[str]:
        return [
            f"{name} is {one.state} ({one.reason})"
            for name, one in self.devices.items()
            if one.state not in {"live", "idle"}
        ]

    def _seen(self) -> list[str]:
        """The findings that need no end: they may say why a step did not come out."""
        closes = self._closes()
        return [
            f"{name}: {one}"
            for name, device in self.devices.items()
            for one in (*check_wire(device.wire.passed, closes), *check_events(device))
        ]

    # Names.

    def user(self, name: str) -> str:
        """The name that a user has in this run alone."""
        return f"{name}-{self._suffix}"

    def _filled(self, value: Any, number: int = 0) -> Any:
        """A value with the names of users and of outcomes replaced by what they stand for."""
        if isinstance(value, dict):
            return {name: self._filled(one, number) for name, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one, number) for one in value]
        if not isinstance(value, str):
            return value
        if value.startswith("@"):
            return self.user(value[1:])
        if value.startswith("$"):
            name, *path = value[1:].split(".")
            return functools.reduce(lambda found, part: found[part], path, self._kept[name])
        return value.replace("#", str(number))

    def _device(self, name: str) -> Device:
        return self.devices[name]

    # Steps.

    @functools.singledispatchmethod
    async def _take(self, step: AnyStep) -> None:
        raise TypeError(step)

    @_take.register
    async def _(self, step: steps.Open) -> None:
        device = self._device(step.device)
        await device.start()
        where: dict[str, Any] = {"url": device.line.url.removesuffix("/ws") + step.path}
        if step.store:
            where["store"] = str(device.store)
        await device.ask(
            "open",
            step.within,
            user=device.user,
            subprotocol=step.subprotocol,
            options=step.options,
            **where,
        )
        if step.state:
            await device.until_state(step.state, None, step.within)

    @_take.register
    async def _(self, step: steps.Call) -> None:
        device = self._device(step.device)
        given = []
        for number in range(1, step.count + 1):
            arguments = self._filled(step.arguments, number)
            given.append(device.give(step.command, step.within, **arguments))
        if step.keep:
            self._kept[f"{step.keep}?"] = given
        if step.tolerate:
            for one in given:
                with suppress(Refused):
                    await one
        elif step.wait:
            self._keep(step.keep, [await self._outcome(one, step.ok, step.error) for one in given])

    @_take.register
    async def _(self, step: steps.Outcome) -> None:
        given = self._kept[f"{step.of}?"]
        async with asyncio.timeout(step.within):
            found = [await self._outcome(one, step.ok, step.error) for one in given]
        self._keep(step.of, found)

    async def _outcome(self, task: "asyncio.Task[Any]", ok: Message, error: Message | None) -> Any:
        """The answer to a command, or the error that was wanted. Raises StepError for any other."""
        try:
            found = await asyncio.shield(task)
        except Refused as refused:
            if error is None or not has(refused.error, self._filled(dict(error))):
                raise
            return refused.error
        if error is not None:
            raise StepError(f"answered {found}, where {error} was due")
        wanted = self._filled(dict(ok))
        if not has(found, wanted):
            raise StepError(f"answered {found}, where {wanted} was due")
        return found

    def _keep(self, name: str, found: Sequence[Any]) -> None:
        if name:
            self._kept[name] = found[0] if len(found) == 1 else list(found)

    @_take.register
    async def _(self, step: steps.Say) -> None:
        texts = [step.text.replace("#", str(number)) for number in range(1, step.count + 1)]
        person = await self._join(step.person)
        try:
            self._keep(step.keep, await person.say(self.user(step.to), texts, step.subject))
        finally:
            await person.close()

    @_take.register
    async def _(self, step: steps.Do) -> None:
        person = await self._join(step.person)
        try:
            answer = await person.do(Op[step.packet], self._filled(step.payload))
        finally:
            await person.close()
        if answer["op"] == Op.ERROR:
            raise StepError(f"{step.person} was refused: {answer['d']}")
        self._keep(step.keep, [answer["d"]])

    async def _join(self, name: str) -> Person:
        user = self.user(name)
        return await Person.join(self._world.url, self._world.token(user))

    @_take.register
    async def _(self, step: steps.State) -> None:
        await self._device(step.device).until_state(step.state, step.reason, step.within)

    @_take.register
    async def _(self, step: steps.Event) -> None:
        wanted = self._filled(step.event)
        found = await self._device(step.device).until_told(wanted, step.count, step.within)
        self._keep(step.keep, [found])

    @_take.register
    async def _(self, step: steps.Never) -> None:
        device = self._device(step.device)
        told, passed = len(device.told), len(device.wire.passed)
        # The thing to be seen is that nothing comes.
        await asyncio.sleep(step.seconds)
        wanted = self._filled(step.event)
        for one in device.told[told:]:
            if wanted is not None and has(one.event, wanted):
                raise StepError(f"{dict(one.event)} was told")
        if not step.handshakes and any(one.kind == "opened" for one in device.wire.passed[passed:]):
            raise StepError("it connected again")

    @_take.register
    async def _(self, step: steps.Token) -> None:
        self._device(step.device).answer_tokens(step.mode, step.times)

    @_take.register
    async def _(self, step: steps.SetFault) -> None:
        self._device(step.device).line.set(step.fault)

    @_take.register
    async def _(self, step: steps.Refuse) -> None:
        self._device(step.device).line.refuse(step.refusal)

    @_take.register
    async def _(self, step: steps.Perform) -> None:
        device = self._device(step.device)
        if step.act.cut or step.act.close:
            device.disturb()
        await device.line.perform(step.act)

    @_take.register
    async def _(self, step: steps.Heal) -> None:
        self._device(step.device).line.heal()

    @_take.register
    async def _(self, step: steps.Kill) -> None:
        await self._device(step.device).kill()

    @_take.register
    async def _(self, step: steps.Pause) -> None:
        adapter = self._device(step.device).adapter
        if adapter is None:
            raise StepError("no process to pause")
        adapter.pause(on=True)
        # The time for which it sleeps.
        await asyncio.sleep(step.seconds)
        adapter.pause(on=False)

    @_take.register
    async def _(self, step: steps.Part) -> None:
        if step.part == "edge" and step.act != "start":
            for device in self.devices.values():
                device.disturb()
        await self._world.act(step)

    @_take.register
    async def _(self, step: steps.Sanction) -> None:
        user, kept = self.user(step.user), self._kept[step.message]
        async with self._world.moderator() as moderator:
            await moderator.report(kept["message"], self.user(step.reporter))
            await moderator.decide(user, *step.measures, seconds=step.seconds)

    @_take.register
    async def _(self, step: steps.Lift) -> None:
        async with self._world.moderator() as moderator:
            await moderator.lift(self.user(step.user))

    @_take.register
    async def _(self, step: steps.EndSessions) -> None:
        async with self._world.moderator() as moderator:
            await moderator.end_sessions(self.user(step.user))

    @_take.register
    async def _(self, step: steps.Spoil) -> None:
        self._device(step.device).spoil(step.how)

    @_take.register
    async def _(self, step: steps.Settle) -> None:
        for name in step.devices:
            await self._settle(self._device(name), step.within)

    @_take.register
    async def _(self, step: steps.Same) -> None:
        device = self._device(step.device)
        findings = await self._compare(device)
        if findings:
            raise StepError("; ".join(findings))

    @_take.register
    async def _(self, step: steps.Rest) -> None:
        await asyncio.sleep(step.seconds)

    # The end.

    async def _settle(self, device: Device, within: float) -> set[str]:
        """Wait until a device is live, and nothing of its outbox under way; the texts of failed
        entries.
        """
        async with asyncio.timeout(within):
            while True:
                await device.until_state("live", None, within)
                entries = await self._entries(device)
                if not any(one["state"] in _UNDER_WAY for one in entries):
                    # All commands have been answered, or are by the tasks that carry the answer.
                    return {one["text"] for one in entries if "text" in one}
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _entries(self, device: Device) -> list[Message]:
        if "outbox" not in self._library.capabilities:
            # Then what is under way are the commands without an answer.
            busy = any(not one.outcome.done() for one in device.intents)
            return [{"state": "sent"}] if busy else []
        answer = await device.ask("outbox", _VIEW_SECONDS)
        entries: list[Message] = answer["entries"]
        return entries

    async def _check(self) -> list[str]:
        """All checks at the end of the scenario."""
        findings: list[str] = []
        await asyncio.to_thread(self._world.mend)
        for name, device in self.devices.items():
            kept: set[str] = set()
            wanted = self.scenario.ends.get(name, "live")
            try:
                if wanted == "live":
                    device.line.heal()
                    kept = await self._settle(device, 60)
                    findings += [f"{name}: {one}" for one in await self._compare(device)]
                else:
                    await device.until_state(wanted, None, 30)
            except (TimeoutError, AdapterError, Refused) as error:
                findings.append(
                    f"{name}: did not end as {wanted}, but is {device.state} ({device.reason}) "
                    f"{error}"
                )
            findings += await self._check_device(device, kept)
        return findings

    async def _check_device(self, device: Device, kept: set[str]) -> list[str]:
        if device.intents:
            # What the outbox no longer holds has been answered, or is about to be.
            await asyncio.wait([one.outcome for one in device.intents], timeout=5)
        closes = self._closes()
        found = list(check_wire(device.wire.passed, closes))
        try:
            books = await self._books(device)
        except Exception as error:  # noqa: BLE001 - whoever is banned has no books to read
            if self.scenario.ends.get(device.name, "live") == "live":
                found.append(f"the server cannot be read: {error!r}")
        else:
            found += check_device(device, books, kept)
        return [f"{device.name}: {one}" for one in found]

    def _closes(self) -> list[int]:
        """The close codes that the scenario brings about."""
        acts = [one.act for one in self.scenario.steps if isinstance(one, steps.Perform)]
        acts += [one.fault.act for one in self.scenario.steps if isinstance(one, steps.SetFault)]
        return [*(act.close for act in acts), *self.scenario.closes]

    async def _books(self, device: Device) -> Books:
        person = await Person.join(self._world.url, self._world.token(device.user))
        try:
            return await person.read()
        finally:
            await person.close()

    async def _compare(self, device: Device) -> list[str]:
        """Compare what the client shows with what the server holds: as it is by its pushes, and
        after it has loaded everything. What is still on its way gets its time.
        """
        deadline = time.monotonic() + _CONVERGE_SECONDS
        while True:
            books = await self._books(device)
            view = await device.ask("view", _VIEW_SECONDS)
            found = list(check_fresh(view, books))
            if not found:
                await device.ask("load", _VIEW_SECONDS)
                view = await device.ask("view", _VIEW_SECONDS)
                found = list(check_view(view, books))
            if not found or time.monotonic() > deadline:
                return found
            await asyncio.sleep(_AGAIN_SECONDS)

    def _write(self, findings: Sequence[str]) -> None:
        """Write the transcripts; whoever runs it removes those of what has passed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for device in self.devices.values():
            device.folder.mkdir(parents=True, exist_ok=True)
            write_wire(device.folder / "wire.txt", device.wire.passed)
        text = "\n".join(findings) or "nothing was found"
        (self._folder / "findings.txt").write_text(f"{text}\n", "utf-8")


def _described(step: AnyStep) -> str:
    told = {name: getattr(step, name) for name in step.__struct_fields__}
    shown = ", ".join(f"{value}" for value in told.values() if isinstance(value, str) and value)
    return f"{type(step).__name__.lower()} {shown}".strip()
