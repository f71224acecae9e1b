"""The hub of Watch streams: it gives events to the watchers of this replica.

The hub knows no business word: events are objects with recipients. The database is the truth and
a stream only a doorbell, so a watcher that is too slow, or a hole in the revisions, costs it
nothing but a new Watch and a read of what it missed. The ideas are those of etcd's watch.

Where other replicas write as well, their revisions are heard, and come into one order with those
committed here: what is before its turn waits until the rest was heard or read.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Set
from typing import Any, NamedTuple, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from service_kit.rules import Position
from service_kit.storage.writer import Events
from service_kit.watch.in_order import InOrder
from service_kit.watch.metrics import WatcherMetrics
from service_kit.watch.watcher import (
    PROGRESS_TICKS,
    REVISION_GAP,
    SHUTTING_DOWN,
    WATCHER_TOO_SLOW,
    Batch,
    Watcher,
    WatcherCutOff,
)

Encode = Callable[[tuple[str, ...], object], object]
"""Makes the contract's message of an event, for (recipients, event)."""


class WatcherNotFound(KeyError):  # noqa: N818, the name says what is the case
    """No stream of that id is open here: watch anew."""


class HeardEvent(NamedTuple):
    """An event of another replica, in the contract's messages: for those who follow a recipient,
    and for those who are told everything.
    """

    event: object
    event_of_everything: object


class Source(Protocol):
    """The way by which this replica hears of others, and they of it."""

    def missing(self, *, read_now: bool) -> None:
        """Learn that a revision is missing, of which others are known; to be read at once, or when
        it was not heard in a moment.
        """

    async def look(self) -> None:
        """Return when the hub stands at least where the database stood at the call."""

    def tell(self, events: Events) -> None:
        """Tell other replicas of events that are stored nowhere."""


_NOBODY: Set[Watcher] = frozenset()


class WatchHub:
    """The watchers of one replica. All methods are called on one event loop.

    `position` is where the database stands when the hub is made. `encode(recipients, event)` is
    called once for each event of which a recipient is followed, `encode_for_everything` once for
    each that watchers of everything are told; by default it is the same. Times are in seconds,
    `queue_events` bounds each watcher's queue, `early_revisions` what waits for its turn.
    """

    def __init__(
        self,
        position: Position,
        encode: Encode,
        *,
        encode_for_everything: Encode | None = None,
        queue_events: int = 20_000,
        early_revisions: int = 10_000,
        progress_interval: float = 2.0,
        registry: CollectorRegistry | None = None,
        reached: Callable[[str], None] = lambda _limit: None,
    ) -> None:
        self._epoch = position.epoch
        self._order = InOrder[tuple[Events, bool]](position.revision)
        self._early_revisions = early_revisions
        self._source: Source | None = None
        self._encode = encode
        self._encode_for_everything = encode_for_everything or encode
        self._queue_events = queue_events
        self._reached = reached
        self._progress_tick = progress_interval / PROGRESS_TICKS
        self._watchers: dict[str, Watcher] = {}
        self._followers: dict[str, set[Watcher]] = {}
        self._followers_of_everything: set[Watcher] = set()
        self._observe: Callable[[list[str], list[str]], None] | None = None
        self._observe_heard: Callable[[Events], None] | None = None
        self._closed = False
        registry = registry or CollectorRegistry()
        watchers = Gauge("watch_watchers", "Open streams.", registry=registry)
        watchers.set_function(lambda: float(len(self._watchers)))
        registry.register(WatcherMetrics(lambda: self._order.revision, lambda: self.watchers))
        self._cut_offs = Counter(
            "watch_cut_offs", "Streams ended by the hub.", ["reason"], registry=registry
        )
        self._untold = Counter(
            "watch_untold_events",
            "Events that could not be put into the words of the contract: a defect.",
            registry=registry,
        )
        self._log = structlog.get_logger(__name__)
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._progress_tick, self._report_progress)

    @property
    def position(self) -> Position:
        """The newest revision that was published."""
        return Position(self._epoch, self._order.revision)

    @property
    def known(self) -> int:
        """The newest revision of which anything was heard."""
        return self._order.known

    @property
    def waiting(self) -> int:
        """Count the revisions that wait for those before them."""
        return len(self._order)

    @property
    def hole(self) -> tuple[int, int] | None:
        """The first revisions that are missing, as (after, until); None when none is."""
        return self._order.hole()

    def join(self, source: Source) -> None:
        """Be one of several replicas from now on. Without this a hole is never filled."""
        self._source = source

    async def look(self) -> None:
        """Return when all that the database held at the call was published here.

        Without other replicas that is so. Raises StorageUnavailable.
        """
        if self._source is not None:
            await self._source.look()

    def observe(self, observe: Callable[[list[str], list[str]], None]) -> None:
        """Call `observe(followed, unfollowed)` when users get a first follower or lose the last.

        Quiet followers do not count. It is called once for each change of a watcher.
        """
        self._observe = observe

    def observe_heard(self, observe: Callable[[Events], None]) -> None:
        """Call `observe(events)`, each a HeardEvent, for what another replica tells that is stored
        nowhere.
        """
        self._observe_heard = observe

    def open(self, name: str, *, everything: bool = False) -> Watcher:
        """Open a watcher that follows nobody yet, or everything that is published with a revision.

        Raises WatcherCutOff once the hub is closed.
        """
        if self._closed:
            raise WatcherCutOff(SHUTTING_DOWN)
        watcher = Watcher(name, self._order.revision, self._queue_events)
        self._watchers[watcher.id] = watcher
        if everything:
            self._followers_of_everything.add(watcher)
        return watcher

    @property
    def watchers(self) -> list[Watcher]:
        """The open streams; may be asked for in any thread."""
        return list(self._watchers.values())

    def forget(self, watcher: Watcher) -> None:
        """Drop a watcher whose stream has ended; harmless when it is gone already."""
        if self._watchers.pop(watcher.id, None) is not None:
            users = tuple(watcher.following)
            before = self._counted(users)
            self._unfollow(watcher, users)
            self._followers_of_everything.discard(watcher)
            self._tell_observer(before)

    def update(
        self,
        watcher_id: str,
        add: Collection[str],
        remove: Collection[str],
        quiet: Iterable[str] = (),
    ) -> Position:
        """Change the users that a watcher follows; all later events of those added will come.

        The added who are in `quiet` do not count as followed because of this watcher; adding a user
        again replaces that. A watcher of everything is told them already. Raises WatcherNotFound.
        """
        watcher = self._watchers.get(watcher_id)
        if watcher is None:
            raise WatcherNotFound(watcher_id)
        if watcher in self._followers_of_everything:
            return self.position
        quiet = frozenset(quiet)
        before = self._counted((*remove, *add))
        self._unfollow(watcher, remove)
        for user in add:
            watcher.following.add(user)
            if user in quiet:
                watcher.quiet.add(user)
            else:
                watcher.quiet.discard(user)
            self._followers.setdefault(user, set()).add(watcher)
        self._tell_observer(before)
        return self.position

    def publish(self, position: Position, events: Events) -> None:
        """Tell the events of a commit of this replica to all who follow one of their recipients."""
        epoch, revision = position
        if epoch == self._epoch and self._order.is_next(revision):
            self._hand_out(revision, events, heard=False)
        elif self._source is None:
            # Someone else wrote.
            self.start_over(position)
        elif epoch == self._epoch:
            self._take(revision, events, heard=False)

    def hear(self, revision: int, events: Events) -> None:
        """Tell the events of a revision that was heard or read, in its turn and once. Each is a
        HeardEvent.
        """
        self._take(revision, events, heard=True)

    def expect(self, revision: int) -> None:
        """Learn that a revision exists, which has to be read unless it was told already."""
        self._order.expect(revision)
        if self._source is not None and revision > self._order.revision:
            self._source.missing(read_now=True)

    def catch_up(self, position: Position) -> None:
        """Learn where the database stands; it may stand beyond what was published."""
        if self._source is not None and position.epoch == self._epoch:
            self.expect(position.revision)
        elif position != self.position:
            self.start_over(position)

    def skip_to(self, revision: int) -> None:
        """Go on from a revision; only a read can tell what led there, so all streams end."""
        self._order.skip(revision)
        self._cut_off_all()

    def start_over(self, position: Position) -> None:
        """Go on from a position, perhaps of another epoch: all streams end."""
        self._epoch = position.epoch
        self._order = InOrder(position.revision)
        self._cut_off_all()

    def publish_ephemeral(self, events: Events) -> None:
        """Tell events that are stored nowhere; they come after all that was published before."""
        self._hand_out(self._order.revision, events, heard=False, everywhere=_NOBODY)
        if self._source is not None and events:
            self._source.tell(events)

    def hear_ephemeral(self, events: Events) -> None:
        """Tell events of another replica that are stored nowhere, each a HeardEvent."""
        if self._observe_heard is not None:
            self._observe_heard(events)
        self._hand_out(self._order.revision, events, heard=True, everywhere=_NOBODY)

    def close(self) -> None:
        """End all streams, each after what is queued for it.

        The observer is not told: the replica leaves, and not the users.
        """
        self._closed = True
        self._observe = None
        self._timer.cancel()
        for watcher in self.watchers:
            self._cut_offs.labels(SHUTTING_DOWN).inc()
            self.forget(watcher)
            watcher.finish(SHUTTING_DOWN)

    def _take(self, revision: int, events: Events, *, heard: bool) -> None:
        for turn, (told, heard_) in self._order.take(revision, (events, heard)):
            self._hand_out(turn, told, heard=heard_)
        if len(self._order) > self._early_revisions:
            self._reached("bus_early_revisions")
            self.skip_to(self._order.known)
        elif len(self._order) and self._source is not None:
            self._source.missing(read_now=False)

    def note_untold(self) -> None:
        """Count an event that could not be encoded, and log the exception that is being handled."""
        self._untold.inc()
        self._log.exception("an event can not be told")

    def _hand_out(
        self,
        revision: int,
        events: Events,
        *,
        heard: bool,
        everywhere: Set[Watcher] | None = None,
    ) -> None:
        """Hand events of the present revision to those who follow them. Whoever cannot be told one
        of them is cut off, so that nobody takes the rest for all there was.
        """
        everywhere = self._followers_of_everything if everywhere is None else everywhere
        encode = _heard_event if heard else self._encode
        encode_for_everything = _heard_event_of_everything if heard else self._encode_for_everything
        followers = self._followers
        batches: dict[Watcher, list[object]] = {}
        missed: set[Watcher] = set()
        for recipients, event in events:
            followed: Set[Watcher] = _NOBODY
            for recipient in recipients:
                watchers = followers.get(recipient)
                if watchers is not None:
                    followed = followed | watchers if followed else watchers
            for told, make in ((followed, encode), (everywhere, encode_for_everything)):
                if told:
                    try:
                        encoded = make(recipients, event)
                    except Exception:  # noqa: BLE001, whatever it is, it harms this event alone
                        self.note_untold()
                        missed |= told
                    else:
                        for watcher in told:
                            batches.setdefault(watcher, []).append(encoded)
        for watcher in missed:
            batches.pop(watcher, None)
            self._cut_off(watcher, REVISION_GAP)
        for watcher, batch in batches.items():
            if not watcher.put(Batch(revision, batch)):
                self._reached("watch_queue_events")
                self._cut_off(watcher, WATCHER_TOO_SLOW)

    def _unfollow(self, watcher: Watcher, users: Iterable[str]) -> None:
        for user in users:
            watcher.following.discard(user)
            watcher.quiet.discard(user)
            watchers = self._followers.get(user)
            if watchers is not None:
                watchers.discard(watcher)
                if not watchers:
                    del self._followers[user]

    def _counted(self, users: Iterable[str]) -> dict[str, bool]:
        """Tell of each user whether any watcher follows it, and not quietly."""
        if self._observe is None:
            return {}
        followers = self._followers
        return {
            user: any(user not in watcher.quiet for watcher in followers.get(user, ()))
            for user in users
        }

    def _tell_observer(self, before: dict[str, bool]) -> None:
        if self._observe is None:
            return
        after = self._counted(before)
        followed = [user for user, counted in after.items() if counted and not before[user]]
        unfollowed = [user for user, counted in after.items() if not counted and before[user]]
        if followed or unfollowed:
            self._observe(followed, unfollowed)

    def _cut_off_all(self) -> None:
        for watcher in self.watchers:
            self._cut_off(watcher, REVISION_GAP)

    def _cut_off(self, watcher: Watcher, reason: str) -> None:
        self._cut_offs.labels(reason).inc()
        self.forget(watcher)
        watcher.cut_off(reason)

    def _report_progress(self) -> None:
        """Report progress to those who are idle for long, by one timer, which is set again before
        anything can go wrong.
        """
        self._timer = self._loop.call_later(self._progress_tick, self._report_progress)
        for watcher in self._watchers.values():
            watcher.tick(self._order.revision)


def _heard_event(_recipients: tuple[str, ...], heard: Any) -> object:
    return heard.event


def _heard_event_of_everything(_recipients: tuple[str, ...], heard: Any) -> object:
    return heard.event_of_everything
