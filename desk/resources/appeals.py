"""Appeals and sanctions."""

from http import HTTPStatus
from typing import Any, Literal

from msgspec import convert

from desk.problems import RefusedError
from desk.resources.cases import said
from desk.resources.operation import Call
from desk.structures.cases import Appeal, Case, Sanction
from desk.structures.words import MOST_PAGE, AppealStatus, Name, PageSize, Said, Text, Told, Version


class AppealFilter(Said, frozen=True):
    """The appeals to list. Without a status those that are open; `decidable_only` leaves out those
    that the moderator may not decide.
    """

    status: AppealStatus = ""
    decidable_only: bool = False
    page_size: PageSize = 50
    page_token: str = ""


class AppealPage(Told, frozen=True):
    """A page of appeals, those that are due first; no token on the last one."""

    appeals: list[Appeal]
    next_page_token: str


class AppealWithCase(Told, frozen=True):
    """An appeal, and the case whose decision it is against."""

    appeal: Appeal
    case: Case


class AppealDecision(Said, frozen=True):
    """Whether a decision stands, as its case was seen at `version`; `answer` is told to who
    appealed, and names no reporter.
    """

    version: Version
    outcome: Literal["upheld", "overturned"]
    answer: Text


class AppealAnswer(Told, frozen=True):
    """An appeal, and whether the same request had decided it before."""

    appeal: Appeal
    duplicate: bool = False


class SanctionFilter(Said, frozen=True):
    """The sanctions to list: of a user or of everybody, `in_force_only` without those that were
    lifted or have expired.
    """

    user: str = ""
    in_force_only: bool = False
    page_size: PageSize = 50
    page_token: str = ""


class SanctionPage(Told, frozen=True):
    """A page of sanctions, the newest first; no token on the last one."""

    sanctions: list[Sanction]
    next_page_token: str


class Lift(Said, frozen=True):
    """The reason for which a sanction is lifted, for other moderators."""

    reason: Text


class SanctionAnswer(Told, frozen=True):
    """A sanction, and whether the same request had lifted it before."""

    sanction: Sanction
    duplicate: bool = False


async def list_appeals(call: Call, query: AppealFilter) -> AppealPage:
    """Lists appeals, those that are due first."""
    return convert(await call.ask("ListAppeals", **said(query)), AppealPage)


async def get_appeal(call: Call, appeal_id: Name) -> AppealWithCase:
    """An appeal, and the case whose decision it is against as it stands now."""
    found = await _find(call, appeal_id)
    answer = await call.ask("GetCase", case_id=found["case_id"])
    # As the case shows it, which is read later.
    appeal = next((one for one in answer["case"]["appeals"] if one["id"] == appeal_id), found)
    return convert({"appeal": appeal, "case": answer["case"]}, AppealWithCase)


async def _find(call: Call, appeal_id: str) -> dict[str, Any]:
    """The appeal. By its own id there is no asking for one; those that wait come first."""
    for status in ("open", "upheld", "overturned"):
        token = ""
        while True:
            page = await call.ask(
                "ListAppeals", status=status, page_size=MOST_PAGE, page_token=token
            )
            for one in page["appeals"]:
                if one["id"] == appeal_id:
                    found: dict[str, Any] = one
                    return found
            token = page["next_page_token"]
            if not token:
                break
    raise RefusedError(HTTPStatus.NOT_FOUND, "appeal_not_found", "There is no such appeal.")


async def decide_appeal(call: Call, appeal_id: Name, body: AppealDecision) -> AppealAnswer:
    """Upholds or overturns a decision of another moderator. Overturned on the appeal of the
    restricted, all that restricts them is lifted; on that of a reporter the case is open again.
    """
    return convert(await call.ask("DecideAppeal", appeal_id=appeal_id, **said(body)), AppealAnswer)


async def list_sanctions(call: Call, query: SanctionFilter) -> SanctionPage:
    """Lists sanctions, the newest first."""
    return convert(await call.ask("ListSanctions", **said(query)), SanctionPage)


async def lift_sanction(call: Call, sanction_id: Name, body: Lift) -> SanctionAnswer:
    """Ends a sanction before its time."""
    answer = await call.ask("LiftSanction", sanction_id=sanction_id, **said(body))
    return convert(answer, SanctionAnswer)
