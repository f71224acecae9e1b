"""Permissions: each RPC of the contract against each role, and what a sanction leaves."""

from itertools import chain, combinations

import pytest
from parley.moderation.v1 import moderation_pb2

from moderation_service.domain.case import commands
from moderation_service.domain.case.entities import AppealStatus, Case, Verdict
from moderation_service.domain.dispute.commands import DecideDispute, SubmitDisputeStatement
from moderation_service.domain.dispute.entities import Dispute, Outcome
from moderation_service.domain.sanctions.entities import Sanction, SanctionKind
from moderation_service.domain.sanctions.measures import MEASURES, Activity
from moderation_service.domain.sanctions.standing import (
    Standing,
    is_locked,
    removed_authors,
    standing,
)
from moderation_service.domain.shared.commands import EraseUser
from moderation_service.domain.shared.limits import DAY
from moderation_service.domain.shared.refusals import Reason
from moderation_service.domain.shared.roles import PERMISSIONS, Role, check_roles
from service_kit.rules import Refusal
from tests.moderation_service.story import (
    LIMITS,
    START,
    Asked,
    DisputeStory,
    decide,
    decided_case,
    decided_for,
    disputed,
    measure,
    muted,
    reported,
)

METHODS = moderation_pb2.DESCRIPTOR.services_by_name["ModerationService"].methods_by_name
ROLES = ["", "user", "Moderator", "moderators", *Role]
EVERY_SET = list(chain.from_iterable(combinations(ROLES, size) for size in range(4)))

# Written down once more, so that a slip in the table shows.
MODERATORS_ONLY = {
    *("ListCases", "GetCase", "ClaimCase", "ReleaseCase", "DecideCase", "ListAppeals"),
    *("DecideAppeal", "ListSanctions", "LiftSanction", "ListDisputes", "DecideDispute"),
}


def test_the_table_has_every_method_of_the_contract() -> None:
    assert {*PERMISSIONS} == {*METHODS}


@pytest.mark.parametrize("rpc", PERMISSIONS)
def test_each_method_against_each_role(rpc: str) -> None:
    """Moderators moderate, auditors read the log, data protection erases, and nobody else does."""
    for roles in EVERY_SET:
        if rpc in MODERATORS_ONLY:
            allowed = "moderator" in roles
        elif rpc == "ListAudit":
            allowed = bool({"moderator", "auditor"} & {*roles})
        elif rpc == "EraseUser":
            allowed = "data_protection" in roles
        else:
            allowed = True
        refusal = check_roles(rpc, roles)
        assert (refusal is None) is allowed, roles
        assert refusal is None or refusal.reason is Reason.ROLE_REQUIRED


@pytest.mark.parametrize("rpc", PERMISSIONS)
def test_no_request_states_a_role_and_none_of_moderators_who_acts(rpc: str) -> None:
    """Both come from a token; the fields that once had them are never used for something else."""
    request = METHODS[rpc].input_type
    assert "roles" not in request.fields_by_name
    if PERMISSIONS[rpc]:
        assert "actor" not in request.fields_by_name
        assert {1, 2}.isdisjoint(one.number for one in request.fields)


COMMANDS: list[Asked] = [
    commands.ClaimCase("mia", (), "c"),
    commands.ReleaseCase("mia", (), "c"),
    commands.DecideCase("mia", (), "c", 1, Verdict.NO_VIOLATION),
    commands.DecideAppeal("mia", (), "a", 1, AppealStatus.UPHELD, "No."),
    commands.LiftSanction("mia", (), "s", "Enough."),
    DecideDispute("mia", (), "d", 1, Outcome.RESUME, "facts", "rule"),
    EraseUser("dora", (), "bob"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("exists", [False, True])
def test_without_a_role_nothing_is_looked_at(command: Asked, *, exists: bool) -> None:
    """The answer is the same, whether there is such a thing or not."""
    state = _state(command) if exists else None
    refusal = decide(state, command, START, LIMITS)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.current) == (Reason.ROLE_REQUIRED, None)


def _state(command: Asked) -> Case | Dispute:
    if isinstance(command, DecideDispute):
        story = DisputeStory()
        story.create()
        return story.dispute
    return decided_case().case


# --- Standing -----------------------------------------------------------------------------------

# And what time waits for, in deals and disputes.
RIGHTS = {Activity.READ_REASONS, Activity.APPEAL, Activity.PERFORM, Activity.DISPUTE}
FORBIDDEN = {
    SanctionKind.WARNING: set(),
    SanctionKind.MESSAGE_REMOVED: set(),
    SanctionKind.STATEMENT_REMOVED: set(),
    SanctionKind.CONVERSATION_LOCKED: set(),
    SanctionKind.MUTED: {Activity.WRITE},
    SanctionKind.SUSPENDED: {*Activity} - RIGHTS,
    SanctionKind.BANNED: {*Activity} - RIGHTS,
}


def imposed(kind: SanctionKind) -> tuple[Sanction, ...]:
    ends = kind in {SanctionKind.MUTED, SanctionKind.SUSPENDED}
    return decided_for(measure(kind, until=START + DAY if ends else None)).case.sanctions


@pytest.mark.parametrize("kind", SanctionKind)
def test_what_each_sanction_leaves(kind: SanctionKind) -> None:
    """A banned user keeps the reasons, the appeal and disputes, and these keep all."""
    shown = standing("bob", imposed(kind), START)
    assert shown.forbidden == MEASURES[kind].forbids == FORBIDDEN[kind]
    writes: list[tuple[Asked, Activity]] = [
        (reported("bob", author="ann"), Activity.REPORT),
        (commands.CreateAppeal("bob", "d", "No."), Activity.APPEAL),
        (disputed("bob"), Activity.DISPUTE),
        (SubmitDisputeStatement("bob", "d", "So."), Activity.DISPUTE),
    ]
    for asked, activity in writes:
        refusal = decide(None, asked, START, LIMITS, standing=shown)
        is_refused = isinstance(refusal, Refusal) and refusal.reason == Reason.SANCTIONED
        assert is_refused is (activity in FORBIDDEN[kind])
        if is_refused:
            assert (refusal.reason, refusal.current) == (Reason.SANCTIONED, shown)


def test_standing_is_made_of_all_that_is_in_force() -> None:
    """Of several the longest counts; what is lifted or over does not, whichever case it is of."""
    short, long = decided_case(muted(START + DAY)), decided_case(muted(START + 3 * DAY))
    ban = decided_case(measure(SanctionKind.BANNED))
    both = (*short.case.sanctions, *long.case.sanctions, *ban.case.sanctions)
    shown = standing("bob", both, START)
    assert (shown.muted_until, shown.banned) == (START + 3 * DAY, True)
    long.lift()
    ban.lift()
    rest = (*short.case.sanctions, *long.case.sanctions, *ban.case.sanctions)
    shown = standing("bob", rest, START)
    assert (shown.muted_until, shown.banned) == (START + DAY, False)
    assert standing("bob", rest, START + DAY) == Standing(
        "bob", None, None, banned=False, sanctions=()
    )
    assert standing("ann", both, START).sanctions == ()


def test_locks_and_removals_are_about_things() -> None:
    """Whatever keeps it so, and until nothing does."""
    kinds = (SanctionKind.CONVERSATION_LOCKED, SanctionKind.MESSAGE_REMOVED)
    one, other = (decided_case(*(measure(kind) for kind in kinds)) for _ in range(2))
    for story in (one, other):
        sanctions = (*one.case.sanctions, *other.case.sanctions)
        assert is_locked("talk", sanctions, START)
        assert removed_authors("message-1", sanctions, START)
        assert not is_locked("another", sanctions, START)
        assert not removed_authors("message-2", sanctions, START)
        for sanction in story.case.sanctions:
            story.lift(sanction.id)
    sanctions = (*one.case.sanctions, *other.case.sanctions)
    assert not is_locked("talk", sanctions, START)
    assert not removed_authors("message-1", sanctions, START)
