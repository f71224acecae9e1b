"""The replicas behind a target: each is looked at by itself, for one may be wrong alone."""

import asyncio
import socket

from command_line.doctor.findings import in_thread

_SECONDS = 3.0
_LISTS = ("ipv4:", "ipv6:")


def host_of(target: str) -> str:
    """The name under which a target is called, which its certificate has to bear."""
    if target.startswith(_LISTS):
        target = target.partition(":")[2].split(",")[0]
    name = target.rpartition("/")[2].removeprefix("dns:")
    return name.rpartition(":")[0].strip("[]")


async def addresses_of(target: str) -> tuple[str, ...]:
    """The addresses, as host:port, of all replicas of a target; the name itself where it is not
    found, so that whoever calls it says why.
    """
    if target.startswith(_LISTS):
        return tuple(target.partition(":")[2].split(","))
    name = target.rpartition("/")[2].removeprefix("dns:")
    if not target.startswith("dns:"):
        return (name,)
    host, _, port = name.rpartition(":")
    try:
        async with asyncio.timeout(_SECONDS):
            found = await in_thread(socket.getaddrinfo, host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return (name,)
    hosts = sorted({str(one[4][0]) for one in found if one[1] == socket.SOCK_STREAM})
    return tuple(f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in hosts)
