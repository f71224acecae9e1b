"""The commands about disputes: `disputes`, `dispute show` and `dispute decide`."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from command_line.display.console import CommandError
from command_line.display.money import decimals_of, parse_amount, written_alone
from command_line.display.timestamps import relative_time
from command_line.moderation.options import Limit, Version
from command_line.moderation.pages import dispute_page
from command_line.moderation.session import Session
from parley_client.views.price import PriceError
from service_kit.rpc.documents import Document


class State(StrEnum):
    """States of a dispute."""

    PENDING_HOLD = "pending_hold"
    OPEN = "open"
    UNDER_REVIEW = "under_review"
    RESOLVED_PENDING = "resolved_pending"
    RESOLVED = "resolved"
    REFUSED = "refused"


class Outcome(StrEnum):
    """Outcomes of a dispute."""

    RESUME = "resume"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    SPLIT = "split"


DisputeId = Annotated[str, typer.Argument(metavar="DISPUTE", help="The id of a dispute.")]


def list_disputes(
    session: Session,
    state: Annotated[
        State | None, typer.Option(help="By default those that moderators can decide.")
    ] = None,
    limit: Limit = 50,
) -> None:
    """List disputes, the first to fall due first.

    \b
    Examples:
      parley mod disputes --as mia
      parley mod disputes --as mia --state open
    """
    found = session.client.pages("ListDisputes", "disputes", state=state)

    def row(dispute: Document) -> tuple[object, ...]:
        opener = dispute["opened_by"]
        other = "client" if opener == dispute["provider"] else "provider"
        return (
            dispute["id"],
            relative_time(dispute["due_time"], session.now) if "due_time" in dispute else "",
            dispute["state"],
            dispute["reason"],
            written_alone(dispute["price"]) if "price" in dispute else "",
            f"{opener} against {dispute[other]}",
        )

    headings = ("DISPUTE", "DUE", "STATE", "REASON", "PRICE", "WHO")
    session.answer_list("disputes", found, limit, headings, row)


def show(session: Session, dispute: DisputeId) -> None:
    """Show a dispute: the statements and settlement offers of both, and the evidence.

    \b
    Examples:
      parley mod dispute show 01a2... --as mia
    """
    found = session.client.call("GetDispute", dispute_id=dispute)["dispute"]
    more = []
    if "decide" in found["allowed_actions"]:
        command = f"parley mod dispute decide {found['id']} OUTCOME --version {found['version']}"
        more = ["", f"to decide it as shown: {command}"]
    session.answer_dispute(found, *more)


def decide(
    session: Session,
    dispute: DisputeId,
    outcome: Annotated[Outcome, typer.Argument(help="What becomes of the deal.")],
    facts: Annotated[str, typer.Option(help="The reasons, as both parties are told them.")],
    rule: Annotated[str, typer.Option(help="The clause of the terms or of the law.")],
    to_provider: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="With split: the provider's part.")
    ] = None,
    to_client: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="With split: the client's part.")
    ] = None,
    version: Version = None,
) -> None:
    """Decide a dispute under review: the deal goes on, or ends completed, cancelled or split.

    A split needs both parts, which together are the agreed price.

    \b
    Examples:
      parley mod dispute decide 01a2... completed --as mia --version 5 --facts "..." --rule "..."
      parley mod dispute decide 01a2... split --to-provider 80 --to-client 40.50 --as mia \\
          --version 5 --facts "Half of the work was done." --rule "Terms 7.1"
    """
    if (outcome is Outcome.SPLIT) != (to_provider is not None and to_client is not None):
        raise CommandError(
            "--to-provider and --to-client are both needed with split, and with nothing else", 2
        )
    if version is None:
        session.require_attendance(f"parley mod dispute show {dispute}")
    found = session.client.call("GetDispute", dispute_id=dispute)["dispute"]
    split = None
    if to_provider is not None and to_client is not None:
        split = read_split(found, to_provider, to_client)
    if version is None:
        session.answer(
            {}, [*dispute_page(found, session.now), "", f"this is to be decided: {outcome}"]
        )
        session.confirm("Decide it so?")
        version = int(found["version"])
    result = session.client.call(
        "DecideDispute",
        dispute_id=dispute,
        version=version,
        outcome=outcome,
        split=split,
        facts=facts,
        rule=rule,
    )
    decided = result["dispute"]
    state = decided["state"].replace("_", " ")
    line = f"dispute {decided['id']}, version {decided['version']}: {state}, {outcome}"
    session.answer(result, [line])


def read_split(dispute: Document, to_provider: str, to_client: str) -> dict[str, Any]:
    """The typed parts of a split; CommandError when they do not add up to the price."""
    price = dispute["price"]
    try:
        decimals = decimals_of(price["currency"])
        provider, client = (
            parse_amount(text, price["currency"], decimals).amount_minor
            for text in (to_provider, to_client)
        )
    except PriceError as error:
        raise CommandError(str(error), 2) from error
    if provider + client != price["amount_minor"]:
        raise CommandError(f"the parts do not add up to {written_alone(price)}", 2)
    return {"provider_minor": provider, "client_minor": client}
