"""The rules of changing messages: pure functions, as those of conversations.

A text that is no longer shown becomes a version, which is evidence for a while.
"""

from typing import NamedTuple

from messaging_service.domain.messages import (
    MINUTE,
    TEXT,
    TOMBSTONES,
    Change,
    Limits,
    Message,
    Reason,
    check_text,
)
from service_kit.rules import Refusal, check_key, check_user, invalid, is_identifier


class Version(NamedTuple):
    """A text that a message had: written, and replaced or taken away, at these times."""

    message_id: str
    text: str
    written_at: int
    replaced_at: int


class Changed(NamedTuple):
    """A message as it stands now, and the versions that this has made."""

    message: Message
    versions: tuple[Version, ...]


def message_not_found() -> Refusal:
    """Refuse what does not exist, and in the same words what is not the actor's."""
    return Refusal(Reason.MESSAGE_NOT_FOUND, "there is no such message of this user")


def check_change(actor: str, message_id: str, key: str) -> Refusal | None:
    """Check what can be said of any change without looking anything up."""
    if refusal := check_user("actor", actor) or check_key(key):
        return refusal
    if not message_id:
        return invalid("message_id", "is missing")
    return None if is_identifier(message_id) else message_not_found()


def check_edit(actor: str, message_id: str, text: str, key: str, limits: Limits) -> Refusal | None:
    """Check what can be said of an edit without looking anything up."""
    return check_change(actor, message_id, key) or check_text(text, limits.text)


def may_change(message: Message, actor: str) -> Refusal | None:
    """Authors change what they wrote, and nothing else; a deed is not taken back by words. What
    moderation has removed stays as it was.
    """
    if message.sender != actor:
        return message_not_found()
    if message.kind != TEXT:
        return Refusal(Reason.EVENT_MESSAGE, "what happened to a service can not be changed")
    if message.change == Change.REMOVED:
        return Refusal(Reason.MESSAGE_REMOVED, "moderation has removed the message")
    return None


def edit(
    message: Message, text: str, now: int, revision: int, limits: Limits, *, withheld: bool = False
) -> Changed | Refusal:
    """Give a message another text; one that is `withheld` from the other its author alone sees."""
    if message.change == Change.DELETED:
        return Refusal(Reason.MESSAGE_DELETED, "the message was deleted")
    if now - message.created_at > limits.edit_window:
        minutes = limits.edit_window // MINUTE
        return Refusal(Reason.EDIT_TOO_LATE, f"a message may be edited for {minutes} minutes")
    edits = message.edits or 0
    if edits >= limits.edits_per_message:
        problem = f"a message may be edited {limits.edits_per_message} times"
        return Refusal(Reason.TOO_MANY_EDITS, problem, limit="edits_per_message")
    if withheld:
        hidden = message._replace(
            edits=edits + 1, withheld_text=text, withheld_at=now, withheld_revision=revision
        )
        return Changed(hidden, _withheld_versions(message, now))
    edited = message._replace(
        text=text,
        change=Change.EDITED,
        changed_at=now,
        changed_revision=revision,
        edits=edits + 1,
        edited_at=now,
        withheld_text=None,
        withheld_at=None,
        withheld_revision=None,
    )
    return Changed(edited, _versions(message, now))


def delete(message: Message, now: int, revision: int) -> Changed | None:
    """Leave a tombstone; None when there is one already."""
    if message.change == Change.DELETED:
        return None
    deleted = message._replace(
        text="",
        change=Change.DELETED,
        changed_at=now,
        changed_revision=revision,
        withheld_text=None,
        withheld_at=None,
        withheld_revision=None,
    )
    return Changed(deleted, _versions(message, now))


def remove(message: Message, now: int, revision: int) -> Message | None:
    """Show a tombstone in its place; None when there is one already, whoever has left it."""
    if message.change in TOMBSTONES:
        return None
    return message._replace(change=Change.REMOVED, changed_at=now, changed_revision=revision)


def restore(message: Message, now: int, revision: int) -> Message | None:
    """Show again exactly what was removed; None when it was not."""
    if message.change != Change.REMOVED:
        return None
    return message._replace(change=Change.RESTORED, changed_at=now, changed_revision=revision)


def unseen_version(message: Message) -> Version | None:
    """Give the text of a removed message, which stands in its row and is shown to nobody."""
    if message.change != Change.REMOVED:
        return None
    return _shown_version(message, message.changed_at or 0)


def has_first_text(message: Message) -> bool:
    """Tell whether a message still has the text with which it was stored."""
    return message.edited_at is None and message.change != Change.DELETED


def _versions(message: Message, now: int) -> tuple[Version, ...]:
    """What is kept of a message whose texts all give way."""
    return (_shown_version(message, now), *_withheld_versions(message, now))


def _shown_version(message: Message, now: int) -> Version:
    return Version(message.id, message.text, message.edited_at or message.created_at, now)


def _withheld_versions(message: Message, now: int) -> tuple[Version, ...]:
    withheld = withheld_version(message)
    return () if withheld is None else (withheld._replace(replaced_at=now),)


def withheld_version(message: Message) -> Version | None:
    """Give the text that its author alone is shown, replaced by none yet."""
    if message.withheld_text is None:
        return None
    return Version(message.id, message.withheld_text, message.withheld_at or 0, 0)
