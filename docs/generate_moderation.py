"""Writes the pictures and tables of docs/moderation.md from the rules, or checks them.

    python docs/generate_moderation.py           writes them
    python docs/generate_moderation.py --check   fails when they are not what the code says

They come from the tables of transitions, measures, reasons and permissions, the guards and the
limits of moderation_service. What a refusal, a limit or a measure means stands here, in a sentence
for each; one without a sentence is an error, so that none stays undocumented.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from docs import markers
from docs.markers import bounds, picture, refusals, table
from moderation_service.domain.case.events import REPORT_TRANSITIONS
from moderation_service.domain.case.transitions import (
    APPEAL_TRANSITIONS,
    CASE_TRANSITIONS,
    SANCTION_TRANSITIONS,
    Transition,
)
from moderation_service.domain.dispute.entities import ENDED
from moderation_service.domain.dispute.transitions import DISPUTE_TRANSITIONS, DisputeTransition
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.sanctions.measures import MEASURES
from moderation_service.domain.shared.erasure import KeptBecause
from moderation_service.domain.shared.limits import DAY, HOUR, MINUTE, Limits
from moderation_service.domain.shared.reasons import SEVERITIES, Severity
from moderation_service.domain.shared.refusals import Reason
from moderation_service.domain.shared.roles import PERMISSIONS, Role

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "moderation.md"
LIMITS = Limits()
Row = Transition | DisputeTransition

_EXCLUDED = "the user does not come in; left are reasons, appeal, disputes and carrying out deals"
FORBIDDEN: Mapping[SanctionKind, str] = {
    SanctionKind.WARNING: "nothing; it is told",
    SanctionKind.MESSAGE_REMOVED: "both see a tombstone in the place of the message",
    SanctionKind.STATEMENT_REMOVED: "both see that a statement of the dispute is removed",
    SanctionKind.CONVERSATION_LOCKED: "nobody writes there, or promises anything in its deals",
    SanctionKind.MUTED: "the user reads, reports, disputes, carries out deals, and writes nothing",
    SanctionKind.SUSPENDED: _EXCLUDED,
    SanctionKind.BANNED: _EXCLUDED,
}

KEPT: Mapping[KeptBecause, str] = {
    KeptBecause.CASE_OPEN: "The case is not decided.",
    KeptBecause.APPEAL_OPEN: "An appeal is not decided.",
    KeptBecause.APPEAL_POSSIBLE: "Somebody may still appeal: {appeal_window} from the decision.",
    KeptBecause.SANCTION_IN_FORCE: "A mute, suspension or ban of this case is in force.",
    KeptBecause.DISPUTE_OPEN: "The dispute goes on.",
    KeptBecause.DISPUTE_RECENT: "It ended less than {dispute_evidence} ago.",
}

REFUSALS: Mapping[Reason, str] = {
    Reason.TOKEN_REFUSED: "The call bears no token that is good; the message says why.",
    Reason.KEYS_UNAVAILABLE: "The issuer's keys were never fetched, so no token can be verified.",
    Reason.ROLE_REQUIRED: "The token has none of the roles that this needs.",
    Reason.SANCTIONED: "A sanction keeps the user from it; the standing is shown with the reasons.",
    Reason.RATE_LIMITED: "The user has reported too often of late; the answer says until when.",
    Reason.IDEMPOTENCY_KEY_CONFLICT: "The key was used before, for something else.",
    Reason.MESSAGING_UNAVAILABLE: "Nobody can say who takes part, or take evidence, just now.",
    Reason.NEGOTIATION_UNAVAILABLE: "Nobody can say whose service it is just now.",
    Reason.MESSAGE_NOT_FOUND: "It does not exist, or the user takes no part in its conversation.",
    Reason.CONVERSATION_NOT_FOUND: "It does not exist, or the user takes no part in it.",
    Reason.SERVICE_NOT_FOUND: "It does not exist, or the user is no party of it.",
    Reason.CASE_NOT_FOUND: "It does not exist, or the moderator has a part in it.",
    Reason.DECISION_NOT_FOUND: "It does not exist, or does not concern the user.",
    Reason.APPEAL_NOT_FOUND: "It does not exist, or the moderator has a part in the case.",
    Reason.SANCTION_NOT_FOUND: "It does not exist, or the moderator has a part in the case.",
    Reason.DISPUTE_NOT_FOUND: "It does not exist, or the user is no party of it.",
    Reason.STALE_CASE: "The case has changed since it was read; it is shown as it stands.",
    Reason.STALE_DISPUTE: "The dispute has changed since it was read; it is shown as it stands.",
    Reason.STALE_SETTLEMENT: "What was named is not the newest offer; the dispute is shown.",
    Reason.INVALID_STATE: "The state allows it to nobody.",
    Reason.OPEN_DISPUTE_EXISTS: "A dispute about this service goes on.",
    Reason.TOO_MANY_OPEN_REPORTS: "As many reports of the user as may be wait to be decided.",
    Reason.TOO_MANY_STATEMENTS: "The party has said or offered as much as it may.",
    Reason.TOO_MANY_REVOKED_TOKENS: "As many tokens of a user as may be are revoked one by one."
    " EndSessions ends all of them.",
    Reason.TOO_LATE_TO_APPEAL: "The time to appeal is over.",
    Reason.NOTHING_TO_APPEAL: "An appeal could change nothing any more.",
    Reason.ALREADY_REPORTED: "The same report of the user waits to be decided.",
    Reason.ALREADY_APPEALED: "The user has appealed against this decision already.",
    Reason.OWN_MESSAGE: "Nobody reports what they wrote themselves.",
    Reason.CLAIMED_BY_OTHER: "Another moderator works on the case; it is shown who, until when.",
    Reason.NOT_CLAIMED: "A case is claimed before it is decided.",
    Reason.INVOLVED: "Nobody decides a dispute to which they are a party.",
    Reason.SAME_MODERATOR: "Four eyes: another moderator has to do this.",
    Reason.OPENER_ONLY: "Only who opened the dispute withdraws it.",
    Reason.OWN_SETTLEMENT: "One does not accept one's own offer.",
    Reason.KEPT: "It must be kept; the reason is shown, and until when.",
}

BOUNDS: Mapping[str, str] = {
    "comment": "characters of a report's comment",
    "statement": "characters of a statement in a dispute",
    "appeal": "characters of an appeal",
    "facts": "characters of the facts of a statement of reasons, of an answer to an appeal",
    "rule": "characters of the rule of a statement of reasons",
    "note": "characters of a moderator's note, or of the reason for lifting",
    "reports": "reports of a user in the window",
    "unreliable_reports": "the same, of a user whose reports mostly came to nothing",
    "report_window": "the window",
    "open_reports": "reports of a user that wait to be decided",
    "lease": "how long a claim lasts",
    "measures": "measures of a decision",
    "reopenings": "times that a case is decided anew because a reporter appealed",
    "max_mute": "the longest mute",
    "max_suspension": "the longest suspension",
    "appeal_window": "how long one can appeal against a decision",
    "appeal_review": "how soon an appeal is due",
    "dispute_statements": "statements of each party in a dispute",
    "dispute_offers": "settlements that each party offers",
    "statements": "how long the parties state their case",
    "review": "how long the moderators have after that",
    "respondent_silence": "what comes of it if the other party says nothing",
    "moderator_silence": "what comes of it if the moderators say nothing",
    "dispute_evidence": "how long what belongs to a dispute is kept after its end",
    "token_lifetime": "how long a revocation is kept if nobody says when the token expires",
    "revoked_tokens": "tokens of a user that are revoked one by one",
}
# Of these a table of its own shows the defaults.
ELSEWHERE = {severity.name.lower() for severity in Severity}


def limit(name: str) -> str:
    """The default of a limit, as people say it."""
    value = getattr(LIMITS, name)
    if isinstance(value, str):
        return value
    # Counts and lengths are small numbers, durations are milliseconds.
    if value < MINUTE:
        return f"{value:,}"
    for unit, word in ((DAY, "days"), (HOUR, "h"), (MINUTE, "min")):
        if value % unit == 0 and value >= (2 if unit == DAY else 1) * unit:
            return f"{value // unit} {word}"
    raise ValueError(f"no words for {name}, {value} ms")


DEFAULTS = {field.name: limit(field.name) for field in fields(Limits)}


def arrows(rows: Sequence[Row]) -> Iterator[tuple[str, str, str]]:
    """From where to where each row leads, and by which cause; `[*]` is before the beginning."""
    for row in rows:
        for source in row.sources or ("[*]",):
            yield str(source), str(row.target or source), str(row.cause)


def report_arrows() -> Iterator[tuple[str, str, str]]:
    """The same for the states of a report."""
    for cause in ("opened", "report_joined"):
        yield "[*]", "received", cause
    for (source, cause), target in REPORT_TRANSITIONS.items():
        yield source, target, cause


def transitions(rows: Sequence[Row]) -> Iterator[tuple[object, ...]]:
    """The rows of a table of transitions, in its order."""
    for row in rows:
        source = ", ".join(str(one) for one in row.sources) or "-"
        conditions = "; ".join((guard.__doc__ or "").format_map(DEFAULTS) for guard in row.guards)
        yield source, row.target or "stays", row.who, row.step, conditions, row.cause


def severities() -> Iterator[tuple[str, str, str]]:
    for severity in reversed(Severity):
        name = severity.name.lower()
        reasons = ", ".join(one for one, grave in SEVERITIES.items() if grave is severity)
        yield name, DEFAULTS[name], reasons


def permissions() -> Iterator[tuple[str, ...]]:
    """Each RPC against each role; what needs none is about the caller's own things, or a part's."""
    for rpc, needed in PERMISSIONS.items():
        roles = ("yes" if one in needed else "" for one in Role)
        yield rpc, "" if needed else "yes", *roles


def check_words() -> None:
    """Nothing of the rules is without a sentence, and no sentence is about nothing."""
    markers.check_words(
        (FORBIDDEN, SanctionKind),
        (KEPT, KeptBecause),
        (REFUSALS, Reason),
        (BOUNDS.keys() | ELSEWHERE, DEFAULTS),
    )


def generate(document: str) -> str:
    """The document with what stands between each pair of markers made anew."""
    check_words()
    heading = ("from", "to", "who", "step", "if", "told as")
    measures = (
        (kind, one.scope, one.lasting, FORBIDDEN[kind], one.inverse)
        for kind, one in MEASURES.items()
    )
    appeals = (*APPEAL_TRANSITIONS, *SANCTION_TRANSITIONS)
    kept = ((f"`{reason}`", text.format_map(DEFAULTS)) for reason, text in KEPT.items())
    for name, lines in (
        ("case picture", picture(arrows(CASE_TRANSITIONS))),
        ("report picture", picture(report_arrows())),
        ("appeal picture", picture(arrows(APPEAL_TRANSITIONS), ("upheld", "overturned"))),
        ("dispute picture", picture(arrows(DISPUTE_TRANSITIONS), sorted(ENDED))),
        ("cases", table(heading, *transitions(CASE_TRANSITIONS))),
        ("appeals", table(heading, *transitions(appeals))),
        ("disputes", table(heading, *transitions(DISPUTE_TRANSITIONS))),
        (
            "measures",
            table(("measure", "reaches", "lasts", "while it stands", "undone by"), *measures),
        ),
        ("severities", table(("severity", "due within", "reasons"), *severities())),
        ("permissions", table(("RPC", "anybody", *Role), *permissions())),
        ("kept", table(("reason", "meaning"), *kept)),
        ("refusals", refusals(REFUSALS)),
        ("bounds", bounds(BOUNDS, DEFAULTS)),
    ):
        document = markers.fill(document, name, lines)
    return document


if __name__ == "__main__":
    sys.exit(markers.run(DOCUMENT, generate, sys.argv[1:]))
