"""Cases: the queue, one case, its claim, its decision and what that would tell."""

from msgspec import Struct, convert

from desk.resources.operation import Call
from desk.structures.cases import Case, Statement
from desk.structures.words import (
    CaseOrder,
    CaseState,
    Ground,
    Moment,
    Name,
    PageSize,
    ReportReason,
    Said,
    SanctionKind,
    Severity,
    Text,
    Told,
    Verdict,
    Version,
)
from service_kit.rpc.documents import Document


class CaseFilter(Said, frozen=True):
    """The cases to list. Without a state those that are not decided; `min_severity` is the least,
    `accused` against whom, `claimed_by` by whom they are claimed.
    """

    state: CaseState = ""
    min_severity: Severity = ""
    reason: ReportReason = ""
    accused: str = ""
    claimed_by: str = ""
    order: CaseOrder = "due"
    page_size: PageSize = 50
    page_token: str = ""


class CasePage(Told, frozen=True):
    """A page of cases, without the content of evidence; no token on the last one."""

    cases: list[Case]
    next_page_token: str


class CaseAnswer(Told, frozen=True):
    """A case, and whether the same request had done it before."""

    case: Case
    duplicate: bool = False


class Measure(Said, frozen=True):
    """A restriction that a decision imposes. `user` is whom it concerns, `message_id` what is
    removed, `until_time` the end of a mute or suspension. Those concerned are told `facts` and
    `rule`, in which nothing may lead to a reporter.
    """

    kind: SanctionKind
    facts: Text
    rule: Text
    ground: Ground = "terms"
    user: str = ""
    message_id: str = ""
    until_time: Moment | None = None


class CaseDecision(Said, frozen=True):
    """A decision of a case as it was seen at `version`: with a violation at least one measure, and
    without one none. `note` is for colleagues.
    """

    version: Version
    verdict: Verdict
    measures: tuple[Measure, ...] = ()
    note: Text = ""


class StatementFor(Told, frozen=True):
    """A statement of reasons, and who would be told it."""

    recipients: list[str]
    statement: Statement


class Preview(Told, frozen=True):
    """The statements of reasons of a decision that has not been made, one for each measure."""

    statements: list[StatementFor]


async def list_cases(call: Call, query: CaseFilter) -> CasePage:
    """Lists cases, those that are due first unless `order` says otherwise. Cases in which the
    moderator has a part are left out.
    """
    return convert(await call.ask("ListCases", **said(query)), CasePage)


async def get_case(call: Call, case_id: Name) -> CaseAnswer:
    """A case with all that is known of it, all evidence included."""
    return convert(await call.ask("GetCase", case_id=case_id), CaseAnswer)


async def claim_case(call: Call, case_id: Name) -> CaseAnswer:
    """Claims a case, or prolongs the claim: nobody else decides it meanwhile. Without the content
    of evidence.
    """
    return convert(await call.ask("ClaimCase", case_id=case_id), CaseAnswer)


async def release_case(call: Call, case_id: Name) -> CaseAnswer:
    """Gives a claimed case back. Without the content of evidence."""
    return convert(await call.ask("ReleaseCase", case_id=case_id), CaseAnswer)


async def decide_case(call: Call, case_id: Name, body: CaseDecision) -> CaseAnswer:
    """Decides a claimed case. If anything has happened since `version`, nothing is decided, and
    `current` and `since` of the problem say what. Without the content of evidence.
    """
    return convert(await call.ask("DecideCase", case_id=case_id, **said(body)), CaseAnswer)


async def preview_decision(call: Call, case_id: Name, body: CaseDecision) -> Preview:
    """Tells whom a decision would concern and what they would be told, and decides nothing. It is
    refused as the decision would be.
    """
    answer = await call.ask("DecideCase", case_id=case_id, **said(body), validate_only=True)
    case = convert(answer["case"], Case)
    latest = case.decisions[-1]
    return Preview(
        statements=[
            StatementFor(recipients=one.users or case.participants, statement=one.statement)
            for one in latest.sanctions
            if one.statement is not None
        ]
    )


def said(given: Struct) -> Document:
    """Give what a structure says, as fields of a request: what is left out is none."""
    return {
        name: [said(one) if isinstance(one, Struct) else one for one in value]
        if isinstance(value, tuple)
        else said(value)
        if isinstance(value, Struct)
        else value
        for name in given.__struct_fields__
        if (value := getattr(given, name)) not in ("", None)
    }
