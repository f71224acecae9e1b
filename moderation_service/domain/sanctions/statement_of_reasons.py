"""The statement of reasons: no sanction is imposed without a complete one."""

from moderation_service.domain.sanctions.entities import Measure, Scope, Statement
from moderation_service.domain.sanctions.measures import MEASURES, Lasting
from moderation_service.domain.shared.limits import Limits
from service_kit.text import is_blank


def state_reasons(measure: Measure, conversation: str, now: int, limits: Limits) -> Statement:
    """Say why somebody is restricted. What a moderator found and decided, no machine did."""
    scope = MEASURES[measure.kind].scope
    match scope:
        case Scope.ACCOUNT:
            scope_id = measure.user
        case Scope.CONVERSATION:
            scope_id = conversation
        case Scope.MESSAGE | Scope.STATEMENT:
            scope_id = measure.message
    return Statement(
        kind=measure.kind,
        scope=scope,
        scope_id=scope_id,
        since=now,
        until=measure.until,
        facts=measure.facts,
        ground=measure.ground,
        rule=measure.rule,
        automated_detection=False,
        automated_decision=False,
        appeal_until=now + limits.appeal_window,
    )


def missing(statement: Statement) -> tuple[str, ...]:
    """Name what a statement fails to say; an empty tuple for a complete one."""
    lasts_until_time = MEASURES[statement.kind].lasting is Lasting.UNTIL_TIME
    said = {
        "scope_id": bool(statement.scope_id.strip()),
        "until": lasts_until_time == (statement.until is not None),
        "facts": not is_blank(statement.facts),
        "rule": not is_blank(statement.rule),
        "appeal_until": statement.appeal_until > statement.since,
    }
    return tuple(name for name, is_said in said.items() if not is_said)
