"""Writes the pictures and tables of docs/negotiation.md from the rules, or checks them.

    python docs/generate_negotiation.py           writes them
    python docs/generate_negotiation.py --check   fails when they are not what the code says

They come from the table of transitions, the guards and the limits of negotiation_service. What a
timer, a refusal or an action means stands here, in a sentence for each; one without a sentence is
an error, so that none stays undocumented.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from docs import markers
from docs.markers import bounds, picture, refusals, table
from negotiation_service.domain.entities import FINAL, REMINDER_OF, Timer
from negotiation_service.domain.events import Cause
from negotiation_service.domain.guards import holds_dispute, notes_sealed
from negotiation_service.domain.limits import DAY, HOUR, MINUTE, Limits
from negotiation_service.domain.refusals import Reason
from negotiation_service.domain.transitions import TRANSITIONS, Step, Transition

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "negotiation.md"
LIMITS = Limits({})

PACKETS: Mapping[Step, str] = {
    Step.CREATE: "0xE1",
    Step.EDIT_PRICE: "0xE5",
    Step.ACCEPT: "0xE6 agreed",
    Step.DECLINE: "0xE6 declined",
    Step.WITHDRAW: "0xE6 withdrawn",
    Step.DELIVER: "0xE4 delivered",
    Step.COMPLETE: "0xE4 completed",
    Step.REOPEN: "0xE4 reopened",
    Step.CANCEL: "0xE4 cancelled",
    Step.SUBMIT_NOTE: "0xE2",
    Step.PLACE_HOLD: "0xE3, PlaceHold",
    Step.RESUME: "ResolveHold resume",
    Step.DECIDE_COMPLETED: "ResolveHold completed",
    Step.DECIDE_CANCELLED: "ResolveHold cancelled",
    Step.DECIDE_SPLIT: "ResolveHold split",
}

TIMERS: Mapping[Timer, str] = {
    Timer.OFFER: "The live offer is gone; while the state is offered, the deal is closed.",
    Timer.DELIVERY: "Nobody delivered what was agreed: the deal is cancelled.",
    Timer.COMPLETION: "The client has said nothing about the delivery: the deal is completed.",
    Timer.CANCELLATION: "The other did not confirm: the request is gone.",
    Timer.DISPUTE: "A completed deal can no longer be disputed.",
    Timer.NOTES: "The notes that were given are revealed, and no more can be given.",
}

REFUSALS: Mapping[Reason, str] = {
    Reason.INVALID_ARGUMENT: "An argument is missing or wrong; its field is named.",
    Reason.CONVERSATION_NOT_FOUND: "It does not exist, or the actor takes no part in it.",
    Reason.SERVICE_NOT_FOUND: "It does not exist, or the actor is no party of it.",
    Reason.STALE_OFFER: "What the command names is not what lies on the table now.",
    Reason.INVALID_STATE: "The state allows it to nobody.",
    Reason.ON_HOLD: "A dispute freezes the deal.",
    Reason.OPEN_SERVICE_EXISTS: "The conversation has a deal that has not ended.",
    Reason.CANCELLATION_REQUESTED: "The actor has asked for the cancellation already.",
    Reason.TOO_MANY_ROUNDS: "The price was edited as often as it may be.",
    Reason.TOO_MANY_REOPENINGS: "The service was reopened as often as it may be.",
    Reason.TOO_MANY_DISPUTES: "The service was disputed as often as it may be.",
    Reason.TOO_MANY_SUBMISSIONS: "The note was submitted as often as it may be.",
    Reason.SERVICES_LIMIT_REACHED: "The conversation has had too many new services in an hour.",
    Reason.OWN_OFFER: "One does not accept or decline one's own offer.",
    Reason.OFFER_OF_THE_OTHER: "One does not withdraw the offer of the other.",
    Reason.PROVIDER_ONLY: "Only the provider delivers.",
    Reason.CLIENT_ONLY: "Only the client completes and reopens.",
    Reason.SANCTIONED: "The actor is muted, suspended or banned, or the conversation is locked.",
    Reason.BLOCKED: "The actor blocks the other party, and so says nothing to them.",
    Reason.HOLD_NOT_FOUND: "No hold of this dispute stands.",
    Reason.DECIDED_OTHERWISE: "This dispute was decided before, with another outcome.",
    Reason.IDEMPOTENCY_KEY_CONFLICT: "The actor has used this key for another command.",
    Reason.MESSAGING_UNAVAILABLE: "The messaging service cannot be reached; try again.",
}

BOUNDS: Mapping[str, str] = {
    "min_price": "the lowest price, in minor units; 0 allows free services",
    "max_price": "the highest price, in minor units",
    "rounds": "price edits before the agreement",
    "amendments": "prices proposed after it",
    "reopenings": "times that a client sends the work back",
    "disputes": "disputes of a deal",
    "submissions": "submissions of a note, edits counted",
    "services": "new services of a conversation in an hour",
    "title": "characters of a title",
    "description": "characters of a description",
    "offer_note": "characters that go with a price",
    "reason": "characters of a reason",
    "comment": "characters of a note's comment",
    "min_offer_ttl": "the shortest life of an offer",
    "max_offer_ttl": "the longest life of an offer",
}
DURATIONS = {*Timer, "offer_ttl", "min_offer_ttl", "max_offer_ttl"}

# What has a picture of its own, or none; everything else is in that of the deal.
ASIDE = {
    Cause.HELD,
    Cause.RESUMED,
    Cause.NOTE_SUBMITTED,
    Cause.NOTES_REVEALED,
    Cause.DISPUTE_WINDOW_CLOSED,
    Cause.REMINDER,
}


def limit(name: str) -> str:
    """The default of a limit, as people say it."""
    value = int(getattr(LIMITS, name))
    if name not in DURATIONS:
        return f"{value:,}"
    for unit, word in ((DAY, "days"), (HOUR, "h"), (MINUTE, "min")):
        if value % unit == 0 and value > 2 * unit:
            return f"{value // unit} {word}"
    raise ValueError(f"no words for {name}, {value} ms")


# What a deployment has, and no limit.
_FACILITIES = {"currencies", "moderation"}
DEFAULTS = {
    field.name: limit(field.name) for field in fields(Limits) if field.name not in _FACILITIES
}


def sources(row: Transition) -> Sequence[str]:
    """From where a row leads; `[*]` is where there is no deal yet."""
    return [str(one) for one in row.sources] or ["[*]"]


def arrows() -> Iterator[tuple[str, str, str]]:
    """From where to where each row leads, and by which cause."""
    for row in TRANSITIONS:
        if row.cause not in ASIDE:
            for source in sources(row):
                yield source, str(row.target or source), str(row.cause)


def causes(holds: Callable[[Transition], bool]) -> str:
    """The causes of the rows of which something holds."""
    return "<br/>".join(dict.fromkeys(str(row.cause) for row in TRANSITIONS if holds(row)))


def region_pictures() -> Iterator[str]:
    """The hold and the notes, each beside the deal."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    state Hold {"
    yield "        [*] --> free"
    yield f"        free --> held: {causes(lambda row: row.step is Step.PLACE_HOLD)}"
    yield f"        held --> free: {causes(lambda row: holds_dispute in row.guards)}"
    yield "    }"
    yield "    state Review {"
    yield f"        [*] --> sealed: {causes(lambda row: Timer.NOTES in row.starts)}"
    yield f"        sealed --> sealed: {causes(lambda row: notes_sealed in row.guards)}"
    yield f"        sealed --> revealed: {causes(lambda row: row.step is Timer.NOTES)}"
    yield "    }"
    yield "```"


def transitions() -> Iterator[tuple[object, ...]]:
    """The rows of the table of transitions, in its order."""
    for row in TRANSITIONS:
        source = ", ".join(sources(row)).replace("[*]", "-")
        by = f"timer {row.step}" if isinstance(row.step, Timer) else PACKETS[row.step]
        conditions = "; ".join((guard.__doc__ or "").format_map(DEFAULTS) for guard in row.guards)
        starts = ", ".join(row.starts)
        yield source, row.target or "stays", row.who, by, conditions, row.cause, starts


def actions() -> Iterator[tuple[str, str]]:
    """The names in `allowed_actions`, each with its packet."""
    packets: dict[str, set[str]] = {}
    for row in TRANSITIONS:
        if row.action and isinstance(row.step, Step):
            packets.setdefault(row.action, set()).add(PACKETS[row.step].partition(",")[0])
    for action, named in packets.items():
        yield f"`{action}`", ", ".join(sorted(named))


def timers() -> Iterator[tuple[str, ...]]:
    """Each timer with its default, what starts it, what it does, and its reminder."""
    for timer, meaning in TIMERS.items():
        starting = dict.fromkeys(str(row.cause) for row in TRANSITIONS if timer in row.starts)
        runs = DEFAULTS["offer_ttl" if timer is Timer.OFFER else timer]
        reminder = f"{DEFAULTS[REMINDER_OF[timer]]} before" if timer in REMINDER_OF else "none"
        yield timer, runs, ", ".join(starting), meaning, reminder


def check_words() -> None:
    """Nothing of the rules is without a sentence, and no sentence is about nothing."""
    markers.check_words(
        (PACKETS, Step),
        ({*TIMERS, *REMINDER_OF.values()}, Timer),
        (REFUSALS, Reason),
        ({*BOUNDS, *Timer, "offer_ttl"}, {*DEFAULTS, Timer.OFFER}),
    )


def generate(document: str) -> str:
    """The document with what stands between each pair of markers made anew."""
    check_words()
    heading = ("from", "to", "who", "by", "if", "told as", "starts")
    for name, lines in (
        ("deal", picture(arrows(), sorted(FINAL))),
        ("regions", region_pictures()),
        ("transitions", table(heading, *transitions())),
        ("actions", table(("action", "packet"), *actions())),
        (
            "timers",
            table(("timer", "runs", "starts when", "when it is due", "reminder"), *timers()),
        ),
        ("refusals", refusals(REFUSALS)),
        ("bounds", bounds(BOUNDS, DEFAULTS)),
    ):
        document = markers.fill(document, name, lines)
    return document


if __name__ == "__main__":
    sys.exit(markers.run(DOCUMENT, generate, sys.argv[1:]))
