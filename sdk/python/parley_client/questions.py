"""Questions: packets that are asked again, over any number of sockets, until they are answered."""

import asyncio

from msgspec import Struct

from parley_client.connection.connection import Connection
from parley_client.connection.session import Session, pause_after
from parley_client.errors import ClientClosedError, DisconnectedError, rejected
from parley_client.options import Options
from parley_client.packets import Packet
from parley_client.states import State
from parley_protocol.packets import Op


class Questions:
    """Asks what changes nothing, or may be done twice; not more at once than the options say."""

    def __init__(self, connection: Connection, options: Options) -> None:
        self._connection = connection
        self._options = options
        self._turns = asyncio.Semaphore(options.max_in_flight)

    async def ask(self, payload: Struct) -> Packet:
        """Ask until there is an answer, and give it.

        Raises RejectedError for a refusal that asking again does not change, InvalidArgumentError,
        ClientClosedError, and in the states `unauthorized` and `refused` their typed reason.
        """
        async with self._turns:
            failures = 0
            while True:
                session = await self._session()
                try:
                    async with asyncio.timeout(self._options.answer_timeout_seconds):
                        reply = await session.request(payload)
                except (DisconnectedError, TimeoutError):
                    continue
                if reply.opcode != Op.ERROR:
                    return reply
                refusal = rejected(reply.data)
                if not refusal.retryable:
                    raise refusal
                await asyncio.sleep(pause_after(refusal, failures, self._options))
                failures += 1

    async def _session(self) -> Session:
        connection = self._connection
        while (session := connection.session) is None or not session.accepting:
            if connection.state is State.CLOSED:
                raise ClientClosedError
            if connection.state in {State.UNAUTHORIZED, State.REFUSED}:
                raise connection.situation.reason or RuntimeError("refused without a reason")
            await connection.changed()
        return session
