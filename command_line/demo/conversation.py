"""The demo: its scenes through the real socket, and the first of them, a conversation."""

import asyncio
from collections.abc import Callable

from command_line.demo.actor import Actor, Say, must, new_key, write
from command_line.demo.deal import deal
from command_line.demo.dispute import dispute
from command_line.demo.moderation import Moderate, moderate, verify
from command_line.demo.open_ends import leave_open
from command_line.demo.transcript import heading
from command_line.display.console import CommandError
from parley_client.errors import ParleyError
from parley_client.packets import Packet
from parley_protocol.packets import Op
from parley_protocol.payloads import messaging

SUBJECT = "Kitchen tap"


async def run(url: str, mint: Callable[[str], str], call: Moderate, say: Say) -> None:
    """Runs all scenes with alice, bob and moderators; `call` makes a moderator's client.

    CommandError at the first step that fails.
    """
    alice, bob = Actor("alice", url, mint, say), Actor("bob", url, mint, say)
    try:
        conversation = await first_message(alice, bob, say)
        await answer(alice, bob, conversation, say)
        await away_and_back(alice, bob, conversation, say)
        await overview(alice, bob, conversation, say)
        await deal(alice, bob, conversation, say)
        await moderate(alice, bob, conversation, call, say)
        await dispute(alice, bob, conversation, say)
        await leave_open(alice, bob, conversation, say)
        await verify(call, say)
    except (ParleyError, KeyError, OSError) as error:
        raise CommandError(f"the demo failed: {type(error).__name__}: {error}") from error
    finally:
        await asyncio.gather(alice.leave(), bob.leave())


async def first_message(alice: Actor, bob: Actor, say: Say) -> str:
    """Both connect, and bob gets and opens alice's message. Returns the conversation."""
    say(heading("alice and bob connect, each with a token"))
    await alice.connect()
    await bob.connect()

    say(heading("alice writes to bob, which opens a conversation; bob is alerted"))
    text = "Hello Bob, my kitchen tap drips. Could you repair it this week?"
    stored = await write(alice, text, to="bob", subject=SUBJECT)
    alert = await bob.receive(Op.ALERT_NEW_MSG)
    must(alert.data["message"]["text"] == text, "bob reads what alice wrote")
    must(alert.data["message"]["seq"] == 1 and alert.data["unread"] == 1, "it is the first, unread")
    conversation = str(stored.data["conversation"])
    must(alert.data["conversation"] == conversation, "both speak of the same conversation")

    say(heading("bob's app confirms how far it got, so alice learns that it was delivered"))
    delivered = await alice.receive(Op.STATUS_MSG)
    must(delivered.data["status"] == "delivered", "alice learns of the delivery")

    say(heading("bob opens the conversation, so alice learns that it was seen"))
    opened = await bob.ask(messaging.OpenedConversation(conversation, 1), Op.MSG_SEEN)
    seen = await alice.receive(Op.MSG_SEEN)
    for packet in (opened, seen):
        must(packet.data["seq"] == 1 and packet.data["reader"] == "bob", "bob has seen the first")
    return conversation


async def answer(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Bob answers; his message, sent twice with one key, is stored once."""
    say(heading("bob types and answers; sent again with the same key, it is still stored once"))
    bob.send(messaging.SendTyping(conversation, typing=True))
    typing = await alice.receive(Op.TYPING)
    must(typing.data["user"] == "bob", "alice sees bob type")
    message = messaging.CreateMsg(
        "Hello Alice, gladly. Thursday at nine?", conversation, idempotency_key=new_key()
    )
    stored = await bob.ask(message, Op.STATUS_MSG)
    alert = await alice.receive(Op.ALERT_NEW_MSG)
    must(alert.data["message"]["seq"] == 2, "the answer follows without a hole")
    again = await bob.ask(message, Op.STATUS_MSG)
    must(again.data["message"] == stored.data["message"], "the repeated message is the same one")
    must(bool(again.data["duplicate"]), "it is called a duplicate")


async def away_and_back(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Bob loses the connection, resumes from his cursor, and gets the three missed messages.

    Were any missing, his app would be told to start over, and `receive` would fail.
    """
    say(heading("bob's network drops; alice goes on writing"))
    await bob.drop()
    texts = ["Thursday at nine is fine.", "The house with the green door.", "Please ring twice."]
    for text in texts:
        await write(alice, text, conversation=conversation)

    say(heading("bob comes back and resumes from his cursor: he gets what he missed, in order"))
    await bob.connect()
    missed: list[Packet] = []
    while len(missed) < len(texts):
        alert = await bob.receive(Op.ALERT_NEW_MSG)
        # His own answer comes again, since his cursor was before it; he drops what he knows.
        if alert.data["message"]["seq"] > 2:
            missed.append(alert)
    must([alert.data["message"]["seq"] for alert in missed] == [3, 4, 5], "they came in order")
    must([alert.data["message"]["text"] for alert in missed] == texts, "they came as written")


async def overview(alice: Actor, bob: Actor, conversation: str, say: Say) -> None:
    """Bob asks for his conversations and messages, and reads all; alice learns it."""
    say(heading("bob asks for his conversations and the whole history"))
    listed = await bob.ask(messaging.AskConversations(10), Op.RETURN_CONVERSATIONS)
    entries = {entry["conversation"]: entry for entry in listed.data["conversations"]}
    must(conversation in entries, "the conversation is listed")
    must(entries[conversation]["unread"] == 3, "three messages are unread")
    history = await bob.ask(messaging.AskMessages(conversation), Op.RETURN_MESSAGES)
    sequence = sorted(message["seq"] for message in history.data["messages"])
    must(sequence == [1, 2, 3, 4, 5], "the history has all five messages")

    say(heading("bob has read all of it"))
    await bob.ask(messaging.OpenedConversation(conversation), Op.MSG_SEEN)
    seen = await alice.receive(Op.MSG_SEEN)
    must(seen.data["seq"] == 5, "alice learns that all was seen")
