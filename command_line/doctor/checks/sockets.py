"""A socket of the doctor's own: whether it survives that nobody says anything, and whether a
message goes through everything and back.
"""

import asyncio
import time
from uuid import uuid4

from command_line.doctor.address import ECHO
from command_line.doctor.findings import Finding, Findings
from command_line.doctor.kinds import Kind
from parley_client.client import Client
from parley_client.errors import ParleyError
from parley_client.pushes import NewMessage
from parley_client.states import State

PATIENT_SECONDS = 65.0
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 10.0
_SLOW_SECONDS = 1.0
_SUBJECT = "parley doctor"


async def check_silence(url: str, token: str, seconds: float) -> Findings:
    """Hold a socket on which nothing passes but the edge's PINGs and their answers."""
    client = Client(url, token=token)
    try:
        await client.connect()
        async with asyncio.timeout(_CONNECT_SECONDS):
            await client.wait_for(State.LIVE)
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await client.wait_for(*(set(State) - {State.LIVE, State.RESUMING}))
        except TimeoutError:
            return
        lasted = time.monotonic() - began
        yield Finding(
            Kind.SILENCE_CUT,
            url,
            f"the socket was cut after {lasted:.0f} s: {client.reason or 'nothing was said'}",
            (
                "# nginx: proxy_read_timeout 1h; proxy_send_timeout 1h; HAProxy: timeout tunnel 1h",
                "nginx -t && nginx -s reload",
                f"export PARLEY_EDGE_PING_INTERVAL_SECONDS={max(1, int(lasted / 3))}",
            ),
        )
    except (ParleyError, TimeoutError) as error:
        yield _not_connected(url, error)
    finally:
        await client.close()


async def check_message(url: str, token: str) -> Findings:
    """Send a message to nobody, and wait for it at another socket of the same person."""
    sender, reader = Client(url, token=token), Client(url, token=token)
    try:
        for client in (sender, reader):
            await client.connect()
            async with asyncio.timeout(_CONNECT_SECONDS):
                await client.wait_for(State.LIVE)
    except (ParleyError, TimeoutError) as error:
        yield _not_connected(url, error)
    else:
        async for finding in exchange(url, sender, reader):
            yield finding
    finally:
        await sender.close()
        await reader.close()


async def exchange(url: str, sender: Client, reader: Client) -> Findings:
    """Send from one socket, and wait at the other."""
    text = f"a probe of parley doctor, {uuid4().hex}"
    began = time.monotonic()
    coming = asyncio.create_task(_arrival(reader, text))
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await sender.conversation_with(ECHO, _SUBJECT).send(text)
    except (ParleyError, TimeoutError) as error:
        coming.cancel()
        yield Finding(
            Kind.MESSAGE_REFUSED,
            url,
            f"{type(error).__name__}: {error}",
            ("parley doctor # look at messaging and its database",),
        )
        return
    stored = time.monotonic() - began
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await coming
    except TimeoutError:
        yield Finding(
            Kind.MESSAGE_LOST,
            url,
            f"it was stored within {stored:.2f} s, and not told within {_ANSWER_SECONDS:g} s",
            (
                "parley doctor # do replicas hear one another?",
                "# else restart the edge, then messaging: nothing is lost by that",
            ),
        )
        return
    lasted = time.monotonic() - began
    if lasted > _SLOW_SECONDS:
        yield Finding(
            Kind.MESSAGE_SLOW,
            url,
            f"stored after {stored:.2f} s, there and back in {lasted:.2f} s",
            ("parley doctor # look at database and machine", "uptime"),
        )


async def _arrival(reader: Client, text: str) -> None:
    async for event in reader.events():
        if isinstance(event, NewMessage) and event.message.text == text:
            return


def _not_connected(url: str, error: Exception) -> Finding:
    return Finding(
        Kind.TOKEN_REFUSED,
        url,
        f"no socket within {_CONNECT_SECONDS:g} s: {type(error).__name__}: {error}",
        (
            'TOKEN="$(parley token parley-doctor)" # or a new one of your issuer',
            f'parley doctor --url {url} --token "$TOKEN"',
        ),
    )
