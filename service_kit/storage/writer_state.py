"""The failures of the writer, and how its thread does, for whoever looks at it."""

import threading
import time


class StorageUnavailable(Exception):  # noqa: N818, the name says what is the case
    """The database can not be written or read now; nothing of the work is known to be stored.

    If the connection broke during the commit, it may be stored all the same.
    """


class WriterOverloaded(Exception):  # noqa: N818, the name says what is the case
    """Too much work waits already; nothing of the work was taken."""


class UnexpectedFailure(Exception):  # noqa: N818, the name says what is the case
    """A defect, told to nobody in full: `incident` finds it in the log."""

    def __init__(self, incident: str) -> None:
        super().__init__(f"unexpected failure {incident}")
        self.incident = incident


class WriterState:
    """The state of the writer's thread. Times are of the monotonic clock; read in any thread."""

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread
        # Since when a transaction is under way.
        self.busy_since: float | None = None
        # When the last one failed for the database, and why; None when it did not.
        self.failure: tuple[float, str] | None = None
        self._failed = False

    @property
    def ended(self) -> bool:
        """Whether the thread has ended, at the end of the service or by a defect."""
        return not self._thread.is_alive()

    def begin(self) -> None:
        """Note that a transaction begins."""
        self.busy_since = time.monotonic()
        self._failed = False

    def fail(self, cause: str) -> None:
        """Note that the database could not be written."""
        self._failed = True
        self.failure = (time.monotonic(), cause)

    def end(self) -> None:
        """Note that a transaction has ended, well or not."""
        self.busy_since = None
        if not self._failed:
            self.failure = None
