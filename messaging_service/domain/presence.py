"""The rules of presence: whether a person is shown as online, and since or until when."""

from typing import NamedTuple


class Presence(NamedTuple):
    """The presence of a person as others are shown it, and as it is stored; it is its own event.

    `last_seen` is the end of the last time online, while online the beginning of this one, and 0
    before the first; in milliseconds UTC. `invisible` is the person's own wish. `revision` and
    `version` are those of the last change that others could see.
    """

    user: str
    online: bool = False
    last_seen: int = 0
    invisible: bool = False
    revision: int = 0
    version: int = 0


def come_online(presence: Presence, at: int, revision: int, version: int) -> Presence | None:
    """Show that a person is online since `at`; None when that is no news, or nobody is to know."""
    if presence.online or presence.invisible:
        return None
    last_seen = max(presence.last_seen, at)
    return presence._replace(online=True, last_seen=last_seen, revision=revision, version=version)


def go_offline(presence: Presence, at: int, revision: int, version: int) -> Presence | None:
    """Show that a person was online until `at`, and is no longer; None when that is no news.

    A person who has become invisible meanwhile goes as everybody goes, and then is seen no more.
    """
    if not presence.online and (presence.invisible or at <= presence.last_seen):
        return None
    last_seen = max(presence.last_seen, at)
    return presence._replace(online=False, last_seen=last_seen, revision=revision, version=version)
