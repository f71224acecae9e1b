"""Talks of people while parts are being killed: writing and listening, and all kinds at once."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from parley_protocol.packets import Op
from tests.crash.bargaining import bargain
from tests.crash.complaining import complain
from tests.crash.recording import DeviceRecord, Recorder
from tests.crash.talker import Talker
from tests.support.device import Device
from tests.support.system import System

_LONGEST_BURST = 5
# On average between two bursts; a socket stays far below the edge's limit of packets.
_PAUSE_SECONDS = 0.4
# On average between two starts of an app.
_RESTART_SECONDS = 20.0
_SUBPROTOCOLS = ("parley.v1.json", "parley.v1.msgpack")
# Longer than any trial is quiet.
_SILENCE_SECONDS = 3600.0
_TOKEN_SECONDS = 7 * 24 * 3600.0

# A kind of talk goes on until there is enough, at least once, and returns when all that it asked is
# answered. Each talker does all kinds at the same time.
Talk = Callable[[Talker, asyncio.Event], Awaitable[None]]


async def write(talker: Talker, enough: asyncio.Event) -> None:
    """Write to partners, several messages at once and the one or other twice."""
    random, device = talker.random, talker.device
    while True:
        burst = [talker.compose() for _ in range(random.randint(1, _LONGEST_BURST))]
        for _, message in burst:
            await device.send(Op.CREATE_MSG, message, id=message["idempotency_key"])
        if talker.twin is not None and random.random() < 0.1:
            # From both devices at the same time.
            await _write_again(talker.twin, burst[-1][1])
        for topic, message in burst:
            reply = await device.take_reply(message["idempotency_key"])
            if reply["op"] == Op.STATUS_MSG:
                talker.learn(topic, reply["d"]["conversation"])
        if random.random() < 0.1:
            await _write_again(talker, burst[0][1])
        if await talker.pause(_PAUSE_SECONDS, enough):
            return


async def _write_again(talker: Talker, message: dict[str, Any]) -> None:
    await talker.device.ask(Op.CREATE_MSG, message, id=message["idempotency_key"])


async def restart(talker: Talker, enough: asyncio.Event) -> None:
    """Close the app now and then, whatever is under way, and start it again."""
    while not await talker.pause(_RESTART_SECONDS, enough):
        await talker.device.restart()


TALKS: tuple[Talk, ...] = (write, bargain, complain, restart)


async def listen(talker: Talker) -> None:
    """Take what is told, and open a conversation now and then, for ever."""
    random, device = talker.random, talker.device
    while True:
        told = await device.take(lambda packet: "re" not in packet, _SILENCE_SECONDS)
        if told["op"] != Op.ALERT_NEW_MSG:
            continue
        message = told["d"]["message"]
        if message["kind"] == "text" and message["sender"] != talker.record.user:
            talker.read.append(message["message"])
        if random.random() < 0.1:
            opened = {"conversation": message["conversation"], "seq": message["seq"]}
            await device.ask(Op.OPENED_CONVERSATION, opened)


async def join_talkers(
    system: System,
    count: int,
    seed: int,
    traffic: asyncio.Event,
    recorder: Callable[[DeviceRecord], Recorder] = Recorder,
) -> list[Talker]:
    """The devices of `count` people; every third has two. Each talks with four others at most.
    `traffic` is set whenever one of them sends a packet, and `recorder` writes it down.
    """
    random = Random(seed)
    users = [f"talker{number}" for number in range(count)]
    talkers: list[Talker] = []
    for number, user in enumerate(users):
        around = (users[(number + step) % count] for step in (-2, -1, 1, 2))
        partners = sorted({other for other in around if other != user})
        token = system.token(user, expires_in=_TOKEN_SECONDS)
        own: list[Talker] = []
        for subprotocol in _SUBPROTOCOLS[: 2 if number % 3 == 0 else 1]:
            record = DeviceRecord(user)
            name = f"{user}.{len(own)}"
            device = await Device.join(
                system.urls,
                token,
                subprotocol=subprotocol,
                observer=recorder(record),
                traffic=traffic,
                # Of two devices one keeps its outbox and its position in a file.
                file=None if len(talkers) % 2 else system.folder / f"{name}.sqlite3",
            )
            own.append(Talker(name, partners, Random(random.random()), device, record))
        if len(own) == 2:
            own[0].twin, own[1].twin = own[1], own[0]
        talkers += own
    return talkers
