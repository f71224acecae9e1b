"""Checks of arguments: what can be said of a command without looking anything up."""

from moderation_service.domain.shared.commands import EraseUser, ModeratorCommand
from moderation_service.domain.shared.refusals import Reason, not_found
from moderation_service.domain.shared.roles import check_roles
from service_kit import rules
from service_kit.idempotency import IdempotentCommand


def check_actor(command: object) -> rules.Refusal | None:
    """Refuse a command without the role that it needs, a sound actor or a sound key."""
    if isinstance(command, ModeratorCommand) and (
        refusal := check_roles(type(command).__name__, command.roles)
    ):
        return refusal
    if not isinstance(command, IdempotentCommand):
        return None
    if refusal := rules.check_user("actor", command.actor) or rules.check_key(
        command.idempotency_key
    ):
        return refusal
    return rules.check_user("user", command.user) if isinstance(command, EraseUser) else None


def check_name(name: str, reason: Reason) -> rules.Refusal | None:
    """Refuse an id that cannot exist in the words for one that does not."""
    return None if rules.is_identifier(name) else not_found(reason)


def check_words(field: str, text: str, limit: int, setting: str) -> rules.Refusal | None:
    """Refuse a text that says nothing, is too long or cannot be stored."""
    return rules.check_not_blank(field, text) or rules.check_text(field, text, limit, setting)
