"""Absences: who may have missed something, asked about many who come back in one call."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from edge.backends.batcher import PACE_SECONDS, Batcher
from edge.backends.errors import NotLiveError
from edge.cursors import Position
from edge.metrics import Metrics
from edge.settings import Settings
from parley_protocol.errors import Error, ErrorCode, refusal


class Absence(NamedTuple):
    """The time on the clock of one service in which a user had no socket here."""

    user: str
    after: Position
    until: Position


class Question(NamedTuple):
    """The question who of these users may have missed something between two positions."""

    users: Collection[str]
    after: Position
    until: Position


def question_of(absences: Sequence[Absence]) -> Question:
    """Ask over all the time that any of them was away, in the epoch of the last: the answer may
    name one who missed nothing, and never leaves out one who missed something.
    """
    epoch = absences[-1].until.epoch
    ours = [one for one in absences if one.until.epoch == epoch]
    return Question(
        {one.user for one in ours},
        Position(epoch, min(one.after.revision for one in ours)),
        Position(epoch, max(one.until.revision for one in ours)),
    )


def judge(
    absences: Sequence[Absence], question: Question, changed: Collection[str] | None
) -> list[bool]:
    """Tell of each whether anything may have happened meanwhile; `changed` is None where the
    service cannot tell.
    """
    epoch = question.until.epoch
    return [changed is None or one.until.epoch != epoch or one.user in changed for one in absences]


class Absences:
    """Asks the service of that name. `changed_users` is given a question and the seconds for it; it
    gives None when the service cannot tell, and raises NotLiveError.
    """

    def __init__(
        self,
        service: str,
        changed_users: Callable[
            [Collection[str], Position, Position, float], Awaitable[Collection[str] | None]
        ],
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._changed_users = changed_users
        # Each service is asked for itself.
        call = f"ListChangedUsers {service}"
        self._items = metrics.batch_items.labels(call=call)
        self._batcher: Batcher[Absence, bool] = Batcher(
            self._find,
            lambda absence: len(absence.user),
            batch_items=settings.batch_items,
            batch_bytes=settings.batch_bytes,
            waiting_items=settings.waiting_items,
            budget_seconds=settings.call_timeout_seconds,
            pace_seconds=PACE_SECONDS,
            repeatable=True,
            reached=metrics.limits.reached,
        )
        metrics.waiting_items.labels(call=call).set_function(self._batcher.__len__)

    async def may_have_missed(
        self, user: str, after: Position, until: Position, seconds: float | None = None
    ) -> bool:
        """Tell whether anything may have happened for a user between two positions of an epoch.

        Who is not told of within `seconds` may have missed something.
        """
        if after == until:
            return False
        # Where that cannot be told the question about changes is to say why.
        return await self._batcher.ask(Absence(user, after, until), seconds) is not False

    async def _find(
        self, absences: Sequence[Absence], seconds: float
    ) -> list[bool | Error] | Error:
        question = question_of(absences)
        self._items.observe(len(absences))
        try:
            changed = await self._changed_users(*question, seconds)
        except NotLiveError as error:
            return refusal(ErrorCode.UNAVAILABLE, str(error))
        return [*judge(absences, question, None if changed is None else set(changed))]
