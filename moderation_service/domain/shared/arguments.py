"""Checks of arguments: what can be said of a command without looking anything up."""

from moderation_service.domain.shared.commands import EraseUser, ModeratorCommand
from moderation_service.domain.shared.refusals import Reason, not_found
from moderation_service.domain.shared.roles import check_roles
from service_kit.idempotency import IdempotentCommand
from service_kit.rules import (
    Refusal,
    check_key,
    check_not_blank,
    check_text,
    check_user,
    is_identifier,
)


def check_actor(command: object) -> Refusal | None:
    """Refuse a command without the role that it needs, a sound actor or a sound key."""
    if isinstance(command, ModeratorCommand) and (
        refusal := check_roles(type(command).__name__, command.roles)
    ):
        return refusal
    if not isinstance(command, IdempotentCommand):
        return None
    if refusal := check_user("actor", command.actor) or check_key(command.idempotency_key):
        return refusal
    return check_user("user", command.user) if isinstance(command, EraseUser) else None


def check_name(name: str, reason: Reason) -> Refusal | None:
    """Refuse an id that cannot exist in the words for one that does not."""
    return None if is_identifier(name) else not_found(reason)


def check_words(field: str, text: str, limit: int, setting: str) -> Refusal | None:
    """Refuse a text that says nothing, is too long or cannot be stored."""
    return check_not_blank(field, text) or check_text(field, text, limit, setting)
