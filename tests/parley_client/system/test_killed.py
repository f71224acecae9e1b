"""A process that is killed with a full outbox: everything it took is stored once, in order."""

import asyncio
import os
import random
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from parley_client import Client, SqliteStore
from parley_protocol.payloads.messaging import AskConversations, AskMessages, CreateMsg
from tests.support.system import System
from tests.support.waiting import eventually

MESSAGES, KILLS = 40, 4

_PROGRAM = textwrap.dedent(
    """
    import asyncio, sys
    from parley_client import Client, SqliteStore
    from parley_protocol.payloads.messaging import CreateMsg

    async def main(url, token, path, to, first, count):
        async with Client(url, token=token, store=SqliteStore(path)) as ann:
            for number in range(int(first), int(first) + int(count)):
                command = ann.submit(CreateMsg(f"{number}", to=to))
                entry = ann.outbox.entry(command.key)
                while entry is not None and not entry.durable:
                    await asyncio.sleep(0.001)
                    entry = ann.outbox.entry(command.key)
                print(number, flush=True)
            await asyncio.Event().wait()

    asyncio.run(main(*sys.argv[1:]))
    """
)


async def test_a_process_that_is_killed_again_and_again_stores_each_message_once(
    client_system: System, person: Callable[[str], str], tmp_path: Path
) -> None:
    """Killed with SIGKILL at any moment of writing, storing and sending."""
    ann, bob = person("ann"), person("bob")
    token, path = client_system.token(ann), tmp_path / "client.db"
    (tmp_path / "program.py").write_text(_PROGRAM)
    written = 0
    for _ in range(KILLS):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, tmp_path / "program.py", client_system.url, token, path, bob),
            *(str(written), str(MESSAGES)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        )
        assert process.stdout is not None
        for _ in range(random.randint(1, MESSAGES)):
            written = int(await process.stdout.readline()) + 1
        process.kill()
        rest = await process.stdout.read()
        # What it has said to be stored before it was killed.
        written += rest.count(b"\n")
        await process.wait()
    async with Client(client_system.url, token=token, store=SqliteStore(path)) as client:
        await client.command(CreateMsg("last", to=bob))
        await eventually(client.outbox.entries, lambda entries: entries == [])
        listed = await client.ask(AskConversations())
        (conversation,) = listed.data["conversations"]
        texts: list[str] = []
        while True:
            after = len(texts)
            page = await client.ask(AskMessages(conversation["conversation"], after=after))
            texts += [message["text"] for message in page.data["messages"]]
            if not page.data["more"]:
                break
    assert texts[-1] == "last"
    numbers = [int(text) for text in texts[:-1]]
    # A number that was taken and not said to be, before the kill, is given again by the next.
    assert list(dict.fromkeys(numbers)) == list(range(max(numbers) + 1))
    assert set(range(written)) <= set(numbers)
    assert len(numbers) - len(set(numbers)) < KILLS
