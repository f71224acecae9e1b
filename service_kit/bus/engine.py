"""The interface of engines, which carry word from replica to replica."""

from typing import Protocol

from service_kit.storage.announcements import Announcement


class BusNotThere(RuntimeError):  # noqa: N818, the name says what is the case
    """The bus can not be reached at the start."""


class Listener(Protocol):
    """A listener, told of what an engine hears on the event loop; never of its own words."""

    def hear_hello(self) -> None:
        """Learn that another replica is there."""

    def hear_revision(self, epoch: str, revision: int) -> None:
        """Learn that another replica has committed a revision, which can be read."""

    def hear_batch(self, epoch: str, told: Announcement) -> None:
        """Learn that another replica has committed a revision, with its events."""

    def hear_signals(self, batch: bytes) -> None:
        """Hear events that are stored nowhere."""

    def hear_again(self) -> None:
        """Learn that words come again, of which some may have been lost."""


class Engine(Protocol):
    """Brings word of commits from replica to replica, as well as it can: what it loses is read."""

    signal_bytes: int
    """The most that `send_signals` takes at once."""

    notifies: bool
    """Whether PostgreSQL tells of a commit, so that there is nothing to publish."""

    @property
    def connected(self) -> bool:
        """Whether words of other replicas come, as far as is known."""

    async def start(self, listener: Listener) -> None:
        """Begin to listen, and say hello. Raises BusNotThere, or what a database raises."""

    def publish(self, epoch: str, told: Announcement, /) -> bool:
        """Tell a revision after its commit, where PostgreSQL did not; False where it can not be."""

    async def send_signals(self, batch: bytes) -> None:
        """Tell events that are stored nowhere. Raises an exception where they are lost."""

    def doubt(self) -> None:
        """Learn that a word did not come: what seems to be connected may not be."""

    async def close(self) -> None:
        """Leave."""
