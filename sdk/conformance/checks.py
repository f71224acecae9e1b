"""Checks after a run: whether anything was lost, doubled, out of order or untyped.

Each check gives sentences that say what was broken; none where all is well.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from conformance.adapter import Message, Refused
from conformance.device import Device, Intent, Reign, Told
from conformance.person import Books

STATES = {
    "idle",
    "connecting",
    "resuming",
    "live",
    "waiting",
    "unauthorized",
    "refused",
    "closed",
}
# Beside the beginning or the end of a process nobody can tell whether it was told.
_EDGE_SECONDS = 1.0
# Errors after which nobody knows whether the server has stored what was to be sent.
_UNKNOWN_OUTCOME = {"ClientClosed", "Cancelled"}


def check_device(device: Device, books: Books, kept: Set[str] = frozenset()) -> Iterator[str]:
    """All checks of what a device told and was told to do.

    `books` are what its user is shown, `kept` the texts that its outbox holds as failed.
    """
    yield from check_events(device)
    yield from check_told(device.told, device.reigns, books, device.user)
    yield from check_texts(device.told, books)
    queued = {
        (one.process, str(one.event["text"]))
        for one in device.told
        if one.event["event"] == "outbox" and one.event["state"] == "queued" and "text" in one.event
    }
    yield from check_intents(device.intents, books, device.user, queued, kept)
    yield from check_silence(device)


def check_events(device: Device) -> Iterator[str]:
    """The checks of what each process told, by itself."""
    for reign in device.reigns:
        told = [one for one in device.told if one.process == reign.process]
        yield from check_order(told, device.user)
        yield from check_states(told)


def check_view(view: Message, books: Books) -> Iterator[str]:
    """The view of a client that has loaded everything is what the server shows."""
    seen: Mapping[str, Any] = view["conversations"]
    for name in seen.keys() ^ books.messages.keys():
        where = "the view alone" if name in seen else "the server alone"
        yield f"view: conversation {name} is known to {where}"
    for name in seen.keys() & books.messages.keys():
        mine = [_message(one) for one in seen[name]["messages"]]
        theirs = [_message(one) for one in books.messages[name]]
        if mine != theirs:
            yield f"view: conversation {name}: {_difference(mine, theirs)}"
    yield from _check_objects("deal", view.get("deals"), books.services, _deal)
    yield from _check_objects("dispute", view.get("disputes"), books.disputes, _dispute)
    if "blocks" in view and sorted(view["blocks"]) != books.blocked:
        yield f"view: blocks {sorted(view['blocks'])} are {books.blocked}"


def check_fresh(view: Message, books: Books) -> Iterator[str]:
    """A view that nobody has loaded is as the server shows it now: pushes have kept it so."""
    for name, conversation in view["conversations"].items():
        held = {one["seq"]: _message(one) for one in books.messages.get(name, ())}
        for one in conversation["messages"]:
            if held.get(one["seq"]) != _message(one):
                yield f"view: message {_message(one)} of {name} is {held.get(one['seq'])}"
    for kind, shown, all_, of in (
        ("deal", view.get("deals"), books.services, _deal),
        ("dispute", view.get("disputes"), books.disputes, _dispute),
    ):
        known = {name: one for name, one in all_.items() if name in (shown or {})}
        yield from _check_objects(kind, shown, known, of)


def _check_objects(
    kind: str, seen: Mapping[str, Any] | None, held: Mapping[str, Message], of: Any
) -> Iterator[str]:
    """Objects of a kind; a library that does not have that kind shows none of it."""
    if seen is None:
        return
    for name in seen.keys() ^ held.keys():
        where = "the view alone" if name in seen else "the server alone"
        yield f"view: {kind} {name} is known to {where}"
    for name in seen.keys() & held.keys():
        if of(seen[name]) != of(held[name]):
            yield f"view: {kind} {name} is {of(seen[name])}, and in truth {of(held[name])}"


def _message(one: Message) -> tuple[Any, ...]:
    return one["seq"], one["message"], one["sender"], one.get("text"), one.get("tombstone")


def _deal(one: Message) -> dict[str, Any]:
    offer = one.get("offer") or {}
    return {
        "state": one["state"],
        "version": one["version"],
        "offer": (offer.get("number"), offer.get("price")),
    }


def _dispute(one: Message) -> dict[str, Any]:
    return {"state": one["state"], "version": one["version"]}


def _difference(mine: Sequence[Any], theirs: Sequence[Any]) -> str:
    lost = [one for one in theirs if one not in mine]
    more = [one for one in mine if one not in theirs]
    twice = [one for one, times in Counter(mine).items() if times > 1]
    if lost or more or twice:
        return f"lacks {lost[:5]}, has {more[:5]} too many, and {twice[:5]} more than once"
    return f"has another order: {[one[0] for one in mine]}"


def check_order(told: Sequence[Told], user: str) -> Iterator[str]:
    """No message is told twice by a process, and those of others come in the order of seq.

    After `reset` the count begins anew. Of one's own it is not said whether and when they are told.
    """
    known: set[tuple[str, int]] = set()
    last: dict[str, int] = {}
    for one in told:
        event = one.event
        if event["event"] == "reset":
            known.clear()
            last.clear()
        if event["event"] != "message":
            continue
        conversation, seq = event["conversation"], event["seq"]
        if (conversation, seq) in known:
            yield f"events: message {seq} of {conversation} was told twice"
        known.add((conversation, seq))
        if event["sender"] == user:
            continue
        if seq < last.get(conversation, 0):
            yield f"events: message {seq} of {conversation} was told after {last[conversation]}"
        last[conversation] = max(seq, last.get(conversation, 0))


def check_states(told: Sequence[Told]) -> Iterator[str]:
    """States have the names of the protocol, and nothing follows `closed`."""
    closed = False
    for one in told:
        event = one.event
        if closed:
            yield f"events: {dict(event)} was told after the state closed"
        if event["event"] == "state":
            if event["state"] not in STATES:
                yield f"events: {event['state']!r} is no state"
            closed = event["state"] == "closed"


def check_told(
    told: Sequence[Told], reigns: Sequence[Reign], books: Books, user: str
) -> Iterator[str]:
    """Each message of others that came while the device was there was told as an event.

    From the first `live` of a process until its end; and with a store also what came between two
    processes, which the next one is to resume from. After a `reset` what came before is loaded.
    """
    events = {
        (one.event["conversation"], one.event["seq"])
        for one in told
        if one.event["event"] == "message"
    }
    times = list(_responsible(told, reigns))
    resets = [one.at for one in told if one.event["event"] == "reset"]
    loaded_until = max(resets, default=0.0) + _EDGE_SECONDS
    for conversation, messages in books.messages.items():
        for message in messages:
            at = datetime.fromisoformat(message["created_at"]).timestamp()
            if message["sender"] == user or at < loaded_until:
                continue
            due = any(since + _EDGE_SECONDS < at < until - _EDGE_SECONDS for since, until in times)
            if due and (conversation, message["seq"]) not in events:
                text = message.get("text") or message.get("event", {}).get("cause")
                yield f"events: message {message['seq']} ({text!r}) of {conversation} was not told"


def _responsible(told: Sequence[Told], reigns: Sequence[Reign]) -> Iterator[tuple[float, float]]:
    """From when to when a message must have been told."""
    since: float | None = None
    for number, reign in enumerate(reigns):
        lives = [
            one.at
            for one in told
            if one.process == reign.process and one.event.get("state") == "live"
        ]
        if lives and since is None:
            since = lives[0]
        following = reigns[number + 1] if number + 1 < len(reigns) else None
        if since is not None and (following is None or not following.resumes):
            yield since, float("inf") if reign.until is None else reign.until
            since = None


def check_texts(told: Sequence[Told], books: Books) -> Iterator[str]:
    """A message is told with the sender and the id that it has."""
    held = {
        (conversation, one["seq"]): one
        for conversation, messages in books.messages.items()
        for one in messages
    }
    for one in told:
        event = one.event
        if event["event"] == "message":
            message = held.get((event["conversation"], event["seq"]))
            if message is None or message["message"] != event["message"]:
                # Of before a reset, or hidden from this user since.
                continue
            if message["sender"] != event["sender"]:
                yield f"events: message {event['seq']} was told as of {event['sender']}"


def check_intents(
    intents: Sequence[Intent],
    books: Books,
    user: str,
    queued: Set[tuple[int, str]],
    kept: Set[str],
) -> Iterator[str]:
    """Every message that the device was told to send is stored once, or was refused by a typed
    error and is not stored. Those of one conversation are stored in the order of the commands.

    What was `queued` in a process, and so was in its store, outlives it: stored, or `kept`.
    """
    stored: dict[str, list[tuple[str, int]]] = {}
    for conversation, messages in books.messages.items():
        for one in messages:
            if one["sender"] == user and one.get("text"):
                stored.setdefault(one["text"], []).append((conversation, one["seq"]))
    places: dict[str, int] = {}
    for intent in intents:
        found = stored.get(intent.text, [])
        if len(found) > 1:
            yield f"intents: {intent.text!r} is stored {len(found)} times"
        safe = (intent.process, intent.text) in queued and intent.text not in kept
        yield from _check_outcome(intent, found, safe=safe)
        if len(found) == 1:
            conversation, seq = found[0]
            if seq < places.get(conversation, 0):
                yield f"intents: {intent.text!r} is stored before what was to be sent earlier"
            places[conversation] = max(seq, places.get(conversation, 0))


def _check_outcome(
    intent: Intent, found: Sequence[tuple[str, int]], *, safe: bool
) -> Iterator[str]:
    outcome = intent.outcome
    if not outcome.done() or outcome.cancelled():
        yield f"intents: {intent.text!r} was never answered"
        return
    error = outcome.exception()
    if error is None:
        told = outcome.result()
        # What was edited or deleted since has another text; its place is checked by the view.
        if found and (told["conversation"], told["seq"]) != found[0]:
            yield f"intents: {intent.text!r} was answered as {told}, and is at {found[0]}"
        return
    if isinstance(error, Refused):
        kind = error.error.get("type")
        if found and kind not in _UNKNOWN_OUTCOME:
            yield f"intents: {intent.text!r} is stored, and was answered by {error}"
        return
    if isinstance(error, TimeoutError):
        yield f"intents: {intent.text!r} was not answered in time"
    elif intent.durable and safe and not found:
        yield f"intents: {intent.text!r} is lost with the process that was killed"


def check_silence(device: Device) -> Iterator[str]:
    """Nothing is told after `close` was answered."""
    if device.closed_at is None:
        return
    for one in device.told:
        if one.process == device.process and one.at > device.closed_at:
            yield f"events: {dict(one.event)} was told after close"
