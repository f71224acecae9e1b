"""Typing is told once, and its end in any case."""

import asyncio
from typing import Any

from parley_client.packets import Packet
from parley_client.typists import Typists
from parley_protocol.packets import Op
from tests.support.virtual_time import run_in_virtual_time

Told = list[tuple[str, bool]]


def typing(user: str, *, types: bool = True, lifetime_ms: Any = 10_000) -> Packet:
    data = {"conversation": "c1", "user": user, "typing": types, "lifetime_ms": lifetime_ms}
    return Packet(Op.TYPING, data)


def typists(limit: int = 10) -> tuple[Typists, Told]:
    told: Told = []

    def tell(packet: Packet) -> None:
        told.append((packet.data["user"], packet.data["typing"]))

    return Typists(tell, limit), told


def test_a_sign_that_is_repeated_is_no_news_but_lengthens_it() -> None:
    """It ends when the last sign is too old."""

    async def run() -> None:
        now, told = typists()
        for _ in range(5):
            now.sign(typing("pat"))
            await asyncio.sleep(9)
        assert told == [("pat", True)]
        await asyncio.sleep(2)
        assert told == [("pat", True), ("pat", False)]

    run_in_virtual_time(run())


def test_it_ends_with_a_message_a_block_a_new_connection_and_a_word() -> None:
    """Each ends it once, and nothing comes after."""

    async def run() -> None:
        now, told = typists()
        for user in ("ann", "bob", "cleo", "dan"):
            now.sign(typing(user))
        now.wrote("c1", "ann")
        now.wrote("c2", "bob")
        now.blocked("bob")
        now.sign(typing("cleo", types=False))
        now.end_all()
        await asyncio.sleep(60)
        assert [user for user, types in told if not types] == ["ann", "bob", "cleo", "dan"]

    run_in_virtual_time(run())


def test_a_senseless_lifetime_ends_all_the_same() -> None:
    """None, a negative one, or one of years."""

    async def run() -> None:
        for lifetime_ms in (None, 0, -5, 10**12):
            now, told = typists()
            now.sign(typing("pat", lifetime_ms=lifetime_ms))
            await asyncio.sleep(61)
            assert told == [("pat", True), ("pat", False)]

    run_in_virtual_time(run())


def test_no_more_are_kept_than_the_limit_says() -> None:
    """The first one is told to have ended."""

    async def run() -> None:
        now, told = typists(2)
        for user in ("ann", "bob", "cleo"):
            now.sign(typing(user))
        assert told == [("ann", True), ("bob", True), ("ann", False), ("cleo", True)]
        now.forget()
        await asyncio.sleep(60)
        assert len(told) == 4

    run_in_virtual_time(run())
