"""Channels to services with TLS, whose files may change while calls are under way.

gRPC's own can not take another certificate (https://github.com/grpc/grpc/issues/41779), so another
one takes the place of the old: streams end as if the service had ended them, and are opened anew by
whoever keeps them; calls that have begun go on to their end.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc

from service_kit.channels.opening import Options

# No call of Parley lasts for longer.
_LAST_CALLS_SECONDS = 60.0
# For streams to notice that they have to move, which is told once a second.
_MOVE_SECONDS = 10.0

Credentials = Callable[[], grpc.ChannelCredentials]
"""Gives the credentials of a channel: the same object until the files have changed."""


class ReloadingChannel(grpc.aio.Channel):
    """A channel with the credentials that `credentials` gives at present."""

    def __init__(self, target: str, credentials: Credentials, options: Options) -> None:
        self._target = target
        self._credentials = credentials
        # Its connections are its own, or the new channel might take over those of the old one.
        self._options = [*options, ("grpc.use_local_subchannel_pool", 1)]
        self._used = credentials()
        self._channel = self._open()
        # Since when it has been known that the files are other ones, if they are.
        self._outdated_since: float | None = None
        self.streams: set[_Stream] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def _open(self) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(self._target, self._used, options=self._options)

    @property
    def outdated(self) -> bool:
        """Whether the files have changed, so that streams have to end."""
        found = self._credentials()
        if found is self._used:
            return False
        if self._outdated_since is None:
            self._outdated_since = time.monotonic()
        return True

    def current(self) -> grpc.aio.Channel:
        """Give the channel on which calls are made now.

        What belongs to a stream, as UpdateWatch does to Watch, goes where that is until it ends.
        """
        if self.outdated and (not self.streams or self._waited()):
            # The new one is opened first: nothing is lost if it can not be.
            old, self._used = self._channel, self._credentials()
            self._channel = self._open()
            self._outdated_since = None
            closing = asyncio.create_task(self._close_later(old))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return self._channel

    def _waited(self) -> bool:
        since = self._outdated_since
        return since is not None and time.monotonic() - since > _MOVE_SECONDS

    async def _close_later(self, old: grpc.aio.Channel) -> None:
        try:
            await asyncio.sleep(_LAST_CALLS_SECONDS)
        finally:
            await old.close()

    # --- As grpc.aio.Channel has it -------------------------------------------------------------

    async def __aenter__(self) -> "ReloadingChannel":
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        closing = list(self._closing)
        for task in closing:
            task.cancel()
        await asyncio.gather(*closing, return_exceptions=True)
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - gRPC's
        return self.current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self.current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self.current().channel_ready()

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        return _Method(self, "unary_unary", arguments, options)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        return _StreamingMethod(self, "unary_stream", arguments, options)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        return _Method(self, "stream_unary", arguments, options)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        return _StreamingMethod(self, "stream_stream", arguments, options)


class _Method:
    """A method of a stub, called on the present channel."""

    def __init__(
        self, owner: ReloadingChannel, kind: str, arguments: tuple[Any, ...], options: Any
    ) -> None:
        self._owner = owner
        self._kind = kind
        self._arguments = arguments
        self._options = options
        self._channel: grpc.aio.Channel | None = None
        self._method: Any = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        channel = self._owner.current()
        if channel is not self._channel:
            self._channel = channel
            self._method = getattr(channel, self._kind)(*self._arguments, **self._options)
        return self._method(*arguments, **options)


class _StreamingMethod(_Method):
    """A method with a stream of responses."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        kind = _Exchange if self._kind == "stream_stream" else _Stream
        return kind(self._owner, super().__call__(*arguments, **options))


class _Stream:
    """A call with a stream of responses, which ends between two of them when it has to move."""

    def __init__(self, owner: ReloadingChannel, call: Any) -> None:
        self._owner = owner
        self._call = call
        owner.streams.add(self)
        call.add_done_callback(lambda _call: owner.streams.discard(self))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def cancel(self) -> bool:
        """End it; what follows goes to the new channel at once."""
        self._owner.streams.discard(self)
        return bool(self._call.cancel())

    async def read(self) -> Any:
        """Read the next response; EOF at the end, or when it has to move."""
        if self._owner.outdated:
            self.cancel()
            return grpc.aio.EOF
        return await self._call.read()


class _Exchange(_Stream):
    """A stream on which each request waits for its response, so that it ends before a request."""

    def done(self) -> bool:
        """Whether it has ended, or has to move."""
        return bool(self._call.done()) or self._owner.outdated

    async def read(self) -> Any:
        """Read the response to what was written."""
        return await self._call.read()
