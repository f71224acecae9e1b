"""Reporters, the accused, moderators and a clock do what they like with some cases.

Whatever they do, what docs/moderation.md promises of cases, sanctions and appeals holds (M1, M3 to
M6 and M8), and each answer is that of the model, the design told a second time. With the profile
nightly there are at least 100,000 steps.
"""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import stateful

from moderation_service.domain import audit
from moderation_service.domain.case import entities, show
from moderation_service.domain.case.commands import (
    CaseCommand,
    ClaimCase,
    DecideCase,
    ReleaseCase,
)
from moderation_service.domain.case.events import Cause, replay
from moderation_service.domain.case.transitions import settle_case
from moderation_service.domain.case.views import CaseView
from moderation_service.domain.sanctions.standing import is_locked, removed_authors
from moderation_service.domain.sanctions.statement_of_reasons import missing
from moderation_service.domain.shared.effect import Effect
from service_kit import audit as chain
from service_kit.rules import Refusal
from tests.moderation_service.machine import AUTHORS, LIMITS, MODERATORS, PEOPLE, SALT, Steps
from tests.moderation_service.story import MODERATOR, decide
from tests.support.examples import run_machine


def renamed(thing: Any, name: str, other: str) -> Any:
    if type(thing) is str:
        return other if thing == name else thing
    if isinstance(thing, tuple):
        return tuple(renamed(one, name, other) for one in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        values = {one.name: renamed(getattr(thing, one.name), name, other) for one in fields(thing)}
        return replace(thing, **values)
    return thing


def seen_by(user: str, case: entities.Case, now: int) -> list[Any]:
    """All that somebody whom sanctions concern can see and be told of them."""
    mine = [one for one in case.sanctions if user in one.users]
    return [
        show.show_standing(user, [case], now, LIMITS),
        *(show.show_sanction(case, one, user, now, LIMITS) for one in mine),
        *(show.show_appeal(one) for one in case.appeals if one.by == user),
    ]


class Moderation(Steps):
    """The cases about three subjects of one conversation, old ones and new ones."""

    steps = 0

    @stateful.invariant()
    def counts(self) -> None:
        Moderation.steps += 1

    @stateful.invariant()
    def the_model_agrees(self) -> None:
        for world in self.worlds:
            world.model.elapse(self.now)
            case, model = settle_case(world.case, self.now).state, world.model
            assert (case.state.value, case.seq) == (model.state, model.changes)
            assert (case.lease.by if case.lease else "") == model.holder
            assert case.reopenings == model.reopened <= LIMITS.reopenings
            names = [name for name, _, _ in model.decisions]
            assert [one.id for one in case.decisions] == names
            assert len(names) <= LIMITS.reopenings + 1
            assert [(one.reporter, one.status.value, one.decision) for one in case.reports] == [
                (one.reporter, one.status, "" if one.decision is None else names[one.decision])
                for one in model.filed
            ]
            assert [(one.id, one.status.value) for one in case.appeals] == [
                (one.id, one.status) for one in model.objections
            ]

    @stateful.invariant()
    def restrictions_are_those_in_force(self) -> None:
        """M3: from all cases together, told once more."""
        told = [one for world in self.worlds for one in world.model.imposed]
        standing_now = [one for one in told if one.restricts(self.now)]
        for user in PEOPLE:
            mine = [one for one in standing_now if user in one.users]
            shown = self.standing(user)
            assert [one.id for one in shown.sanctions] == [one.id for one in mine]
            assert shown.banned == any(one.kind == "banned" for one in mine)
            muted = [one.until or 0 for one in mine if one.kind == "muted"]
            assert shown.muted_until == max(muted, default=None)
        locked = any(one.kind == "conversation_locked" for one in standing_now)
        assert is_locked("talk", self.sanctions(), self.now) is locked
        for message in AUTHORS:
            removed = [
                one
                for world in self.worlds
                for one in world.case.sanctions
                if one.message == message and one.lift is None
            ]
            assert bool(removed_authors(message, self.sanctions(), self.now)) is bool(removed)

    @stateful.invariant()
    def every_sanction_explains_itself(self) -> None:
        """M1."""
        for sanction in self.sanctions():
            assert missing(sanction.statement) == ()
            assert sanction.users

    @stateful.invariant()
    def events_make_the_case(self) -> None:
        """M8: nothing has happened that is not among the events, and in the log."""
        for world in self.worlds:
            assert replay(world.events) == world.case
        assert len(self.log) == sum(len(world.events) for world in self.worlds)

    @stateful.invariant()
    def nobody_learns_who_reported(self) -> None:
        """M4: in a world where somebody else has reported, or fewer have, all looks the same."""
        for world in self.worlds:
            first, *rest = world.events
            fewer = [one for one in rest if one.cause is not Cause.REPORT_JOINED]
            for user in PEOPLE:
                others = {one.reporter for one in world.case.reports} - {user}
                shown = seen_by(user, world.case, self.now)
                for reporter in others:
                    other = replay([renamed(one, reporter, "someone") for one in world.events])
                    assert other is not None
                    assert seen_by(user, other, self.now) == shown
                if user not in {one.reporter for one in world.case.reports}:
                    other = replay([first, *fewer])
                    assert other is not None
                    assert seen_by(user, replace(other, seq=world.case.seq), self.now) == shown

    @stateful.invariant()
    def reporters_learn_nothing_of_sanctions(self) -> None:
        """In a world where other measures were taken their reports look the same."""
        for world in self.worlds:
            for report in world.case.reports:
                if any(report.reporter in one.users for one in world.case.sanctions):
                    continue
                bare = replace(world.case, sanctions=())
                shown = show.show_report(world.case, report, self.now, LIMITS)
                assert show.show_report(bare, report, self.now, LIMITS) == shown

    @stateful.invariant()
    def allowed_is_what_succeeds(self) -> None:
        for world in self.worlds:
            for actor in (*MODERATORS, "ann"):
                shown = show.show_case(world.case, actor, self.now, LIMITS)
                if actor == "ann":
                    assert isinstance(shown, Refusal)
                    continue
                assert isinstance(shown, CaseView)
                case, version = world.case.id, shown.case.seq
                holds = shown.case.lease is not None and shown.case.lease.by == actor
                tries: dict[str, CaseCommand] = {
                    "renew" if holds else "claim": ClaimCase(actor, MODERATOR, case),
                    "release": ReleaseCase(actor, MODERATOR, case),
                    "decide": DecideCase(
                        actor, MODERATOR, case, version, entities.Verdict.NO_VIOLATION
                    ),
                }
                succeeding = {
                    name
                    for name, command in tries.items()
                    if isinstance(decide(world.case, command, self.now, LIMITS), Effect)
                }
                assert succeeding == {*shown.allowed_actions}

    def teardown(self) -> None:
        """M8: the whole log is good, each entry proves its event; and every case can be ended."""
        entries = [entry for entry, _ in self.log]
        assert chain.verify(chain.Head(), entries) == self.head
        for entry, event in self.log:
            assert audit.matches(entry, repr(event).encode(), SALT)
        for world in self.worlds:
            deciders = {one.by for one in world.case.decisions}
            actor = next(one for one in MODERATORS if one not in deciders)
            self.now += LIMITS.lease
            if settle_case(world.case, self.now).state.state is not entities.CaseState.DECIDED:
                self.send(world, ClaimCase(actor, MODERATOR, world.case.id))
                self.send(world, self.decision(world, actor, (), world.case.seq))
            assert world.case.state is entities.CaseState.DECIDED
            assert not any(one.is_open for one in world.case.reports)


# A failure is worth the minutes that Hypothesis takes to find the shortest way to it.
@pytest.mark.timeout(3_600)
def test_what_must_always_hold(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Thousands of steps of everybody at once, and no rule is broken."""
    run_machine(Moderation, 40, profile, capsys)
