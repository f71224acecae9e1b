"""Commands of one transaction are done as if each had come alone, on either database."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from moderation_service.__main__ import SERVICE
from moderation_service.domain.case import commands
from moderation_service.domain.case.entities import AppealStatus
from moderation_service.domain.dispute.commands import (
    DecideDispute,
    FireTimers,
    HoldPlaced,
    HoldRefused,
    HoldResolved,
    SubmitDisputeStatement,
)
from moderation_service.domain.dispute.entities import Outcome, Settlement
from moderation_service.domain.sanctions.entities import SanctionKind
from moderation_service.domain.shared.commands import ExpireEvidence
from moderation_service.domain.shared.limits import DAY, HOUR
from moderation_service.domain.shared.reasons import ReportReason
from moderation_service.operations.runner import operation
from moderation_service.operations.tasks import Answer, AnyTask, Task
from service_kit.rules import Refusal
from service_kit.service import migrate
from tests.moderation_service import story
from tests.moderation_service.books import Books, check_books
from tests.moderation_service.conftest import settings_of
from tests.moderation_service.operations.test_runner import with_evidence
from tests.support.serving import Database, opened

# Short enough that leases lapse, deadlines pass and evidence expires while it goes on.
SHORT = replace(story.LIMITS, lease=HOUR, appeal_window=20 * HOUR, dispute_evidence=10 * HOUR,
                statements=5 * HOUR, review=5 * HOUR, reports=6, open_reports=4)  # fmt: skip
carry_out = operation(SHORT)
PEOPLE = ("ann", "bob", "cid")
BATCHES = 14


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    """Another database, of SQLite."""
    folder = tmp_path / "other"
    folder.mkdir()
    settings = settings_of(folder, f"sqlite:///{folder / 'moderation.sqlite3'}")
    migrate(SERVICE, settings)
    with opened(settings.database_url) as engine:
        yield Database(engine)


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_is_as_good_as_each_alone(database: Database, other: Database, seed: int) -> None:
    """The same answers, the same refusals, and in the end the same documents."""
    random = Random(seed)
    done = 0
    for _ in range(BATCHES):
        now = database.now + random.choice((1, HOUR, 3 * HOUR, DAY))
        tasks: list[AnyTask] = []
        alone: list[Any] = []
        for _ in range(random.randint(1, 8)):
            # Each is chosen by what those before it have left.
            task = invent(random, check_books(database.engine), now, tasks)
            database.now = now - 1
            tasks.append(task)
            alone += database.run(carry_out, task)
        other.now = now - 1
        together = other.run(carry_out, *tasks)
        assert [said(one) for one in together] == [said(one) for one in alone]
        done += sum(isinstance(one, Answer) for one in alone)
    books = check_books(database.engine), check_books(other.engine)
    assert books[0][:2] == books[1][:2]
    assert books[0].head.number == books[1].head.number
    assert done > BATCHES, "hardly anything was accepted"


def said(outcome: Any) -> Any:
    """An answer or a refusal without the revision, of which a batch has but one."""
    if isinstance(outcome, Refusal):
        current = outcome.current
        return replace(outcome, current=getattr(current, "view", current))
    return outcome


def invent(random: Random, books: Books, now: int, before: list[AnyTask]) -> AnyTask:
    """Something that somebody may ask for, or ask for again."""
    if before and random.random() < 0.15:
        return random.choice(before)
    if books.disputes and random.random() < 0.3:
        return about_dispute(random, books)
    if books.cases and random.random() < 0.75:
        return about_case(random, books, now)
    key = random.choice(("", story.new("key")))
    if random.random() < 0.25:
        service = f"s-{random.randint(1, 3)}"
        party = random.choice(("ann", "bob"))
        return with_evidence(story.disputed(party, service=service, idempotency_key=key), now)
    subject = replace(story.MESSAGE, id=f"message-{random.randint(1, 3)}")
    reason = random.choice((ReportReason.SCAM, ReportReason.VIOLENCE, ReportReason.SPAM))
    person = random.choice(PEOPLE)
    report = story.reported(person, subject, reason=reason, comment="words", idempotency_key=key)
    return with_evidence(report, now)


def about_case(random: Random, books: Books, now: int) -> AnyTask:
    """Something about a case that there is."""
    case = random.choice(list(books.cases.values()))
    who, key = random.choice(("mia", "max")), random.choice(("", story.new("key")))
    version = random.choice((case.seq, case.seq, case.seq, max(1, case.seq - 1)))
    kind = random.choice(
        ("claim", "decide", "decide", "release", "appeal", "review", "lift", "expire", "erase")
    )
    if kind == "decide":
        measures = random.choice(
            (
                [],
                [story.muted(now + DAY)],
                [story.banned("cid"), story.measure(SanctionKind.CONVERSATION_LOCKED)],
            )
        )
        holder = case.lease.by if case.lease else who
        return story.decision(
            case.id, *measures, version=version, actor=holder, idempotency_key=key
        )
    if kind == "appeal" and case.decisions:
        made = random.choice(case.decisions).id
        person = random.choice(PEOPLE)
        return story.appealed(person, made, idempotency_key=key)
    if kind == "review" and case.appeals:
        appeal = random.choice(case.appeals).id
        outcome = random.choice((AppealStatus.UPHELD, AppealStatus.OVERTURNED))
        return Task(
            commands.DecideAppeal(
                who, story.MODERATOR, appeal, version, outcome, "Looked at.", idempotency_key=key
            )
        )
    if kind == "lift" and case.sanctions:
        sanction = random.choice(case.sanctions).id
        return Task(
            commands.LiftSanction(who, story.MODERATOR, sanction, "Enough.", idempotency_key=key)
        )
    if kind == "release":
        return Task(commands.ReleaseCase(who, story.MODERATOR, case.id, idempotency_key=key))
    if kind == "expire":
        return Task(ExpireEvidence(), case.id)
    if kind == "erase":
        return story.erasure(random.choice(PEOPLE), case.id, story.new("erased"))
    return Task(commands.ClaimCase(who, story.MODERATOR, case.id, idempotency_key=key))


def about_dispute(random: Random, books: Books) -> AnyTask:
    """Something about a dispute that there is."""
    dispute = random.choice(list(books.disputes.values()))
    name, party = dispute.id, random.choice(("ann", "bob"))
    key = random.choice(("", story.new("key")))
    half = Settlement(dispute.price // 2, dispute.price - dispute.price // 2)
    return random.choice(
        [
            Task(HoldPlaced(name, dispute.price)),
            Task(HoldPlaced(name, dispute.price)),
            Task(HoldRefused(name, "ON_HOLD")),
            Task(HoldResolved(name)),
            Task(FireTimers(name)),
            Task(SubmitDisputeStatement(party, name, "It was so.", idempotency_key=key)),
            Task(SubmitDisputeStatement(party, name, propose=half, idempotency_key=key)),
            Task(SubmitDisputeStatement(party, name, withdraw=True, idempotency_key=key)),
            Task(
                DecideDispute(
                    "mia", story.MODERATOR, name, dispute.seq, Outcome.RESUME, "Facts.", "Rule.",
                    idempotency_key=key,
                )
            ),
            Task(ExpireEvidence(), name),
            story.erasure(random.choice(PEOPLE), name, story.new("erased")),
        ]
    )  # fmt: skip
