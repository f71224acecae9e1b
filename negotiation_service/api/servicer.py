"""The contract's methods: each checks, delegates, maps and answers. No rule is in here."""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802, ARG002

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

import grpc
from opentelemetry.trace import SpanKind
from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc

from negotiation_service.api import requests, translation
from negotiation_service.api.facts import FactFinder
from negotiation_service.clients.messaging import Messaging
from negotiation_service.domain.arguments import check_arguments
from negotiation_service.domain.commands import Command, PartyCommand
from negotiation_service.domain.facts import Facts
from negotiation_service.domain.history import Notification
from negotiation_service.domain.limits import Limits
from negotiation_service.operations import queries
from negotiation_service.operations.runner import Answer, Task
from negotiation_service.settings import NegotiationSettings
from service_kit.resources import Resources
from service_kit.rpc.failures import Refused
from service_kit.rpc.servicer import WatchMixin, accepted, check_batch, page_limit
from service_kit.rules import Position, Refusal
from service_kit.storage.writer import Operation
from service_kit.timers import Timers
from service_kit.tracing.requests import batching
from service_kit.watch.changes import ChangedUsers, ChangePage

CommandType = TypeVar("CommandType", bound=Command)
Context = grpc.aio.ServicerContext[Any, Any]


class NegotiationServicer(WatchMixin, negotiation_pb2_grpc.NegotiationServiceServicer):
    """Serves the contract from a writer, readers and a hub."""

    _contract = pb

    def __init__(
        self,
        resources: Resources[NegotiationSettings],
        limits: Limits,
        operation: Operation[Task, Answer | Refusal],
        timers: Timers[Answer],
        messaging: Messaging,
    ) -> None:
        self._settings = resources.settings
        self._most_users = resources.settings.max_batch
        self._writer = resources.writer
        self._readers = resources.readers
        self._hub = resources.hub
        self._changes_bytes = resources.settings.changes_bytes
        self._reached = resources.limits
        self._limits = limits
        self._operation = operation
        self._timers = timers
        self._failures = resources.failures
        self._tracing = resources.tracing
        self._facts = FactFinder(resources.readers, messaging)

    async def CreateService(
        self, request: pb.CreateServiceRequest, context: Context
    ) -> pb.CreateServiceResponse:
        answer = await self._carry_out_step(requests.create_service(request), context)
        return pb.CreateServiceResponse(**translation.answer(answer))

    async def EditPrice(
        self, request: pb.EditPriceRequest, context: Context
    ) -> pb.EditPriceResponse:
        answer = await self._carry_out_step(requests.edit_price(request), context)
        return pb.EditPriceResponse(**translation.answer(answer))

    async def EndNegotiation(
        self, request: pb.EndNegotiationRequest, context: Context
    ) -> pb.EndNegotiationResponse:
        answer = await self._carry_out_step(requests.end_negotiation(request), context)
        return pb.EndNegotiationResponse(**translation.answer(answer))

    async def TerminateService(
        self, request: pb.TerminateServiceRequest, context: Context
    ) -> pb.TerminateServiceResponse:
        answer = await self._carry_out_step(requests.terminate_service(request), context)
        return pb.TerminateServiceResponse(**translation.answer(answer))

    async def SubmitNote(
        self, request: pb.SubmitNoteRequest, context: Context
    ) -> pb.SubmitNoteResponse:
        answer = await self._carry_out_step(requests.submit_note(request), context)
        return pb.SubmitNoteResponse(**translation.answer(answer))

    async def StreamCommands(
        self, request_iterator: AsyncIterator[pb.StreamCommandsRequest], context: Context
    ) -> AsyncIterator[pb.StreamCommandsResponse]:
        async for request in request_iterator:
            try:
                check_batch("commands", request.commands, self._settings.max_batch)
                with batching(self._tracing, "StreamCommands", request.commands, SpanKind.SERVER):
                    outcomes = await self._carry_out_steps(
                        [_read(one) for one in request.commands], messages=request.commands
                    )
            except Exception as error:
                status = self._failures.translate(error)
                if status is None:
                    raise
                yield pb.StreamCommandsResponse(status=status)
            else:
                yield pb.StreamCommandsResponse(results=map(self._result, outcomes))

    async def PlaceHold(
        self, request: pb.PlaceHoldRequest, context: Context
    ) -> pb.PlaceHoldResponse:
        answer = await self._carry_out(self._sound(requests.place_hold(request)))
        return pb.PlaceHoldResponse(
            service=translation.service(answer.service), placed=bool(answer.events)
        )

    async def ResolveHold(
        self, request: pb.ResolveHoldRequest, context: Context
    ) -> pb.ResolveHoldResponse:
        answer = await self._carry_out(self._sound(requests.resolve_hold(request)))
        return pb.ResolveHoldResponse(
            service=translation.service(answer.service), resolved=bool(answer.events)
        )

    async def GetService(
        self, request: pb.GetServiceRequest, context: Context
    ) -> pb.GetServiceResponse:
        shown = accepted(
            await self._readers.run(
                queries.get_service, request.actor, request.service_id, _now(), self._limits
            )
        )
        return pb.GetServiceResponse(service=translation.service(shown))

    async def BatchGetServices(
        self, request: pb.BatchGetServicesRequest, context: Context
    ) -> pb.BatchGetServicesResponse:
        check_batch("conversation_ids", request.conversation_ids, self._settings.max_batch)
        shown = accepted(
            await self._readers.run(
                queries.batch_get_services,
                request.actor,
                tuple(request.conversation_ids),
                _now(),
                self._limits,
            )
        )
        return pb.BatchGetServicesResponse(services=map(translation.service, shown))

    async def ListServices(
        self, request: pb.ListServicesRequest, context: Context
    ) -> pb.ListServicesResponse:
        page = accepted(
            await self._readers.run(
                queries.list_services,
                request.actor,
                request.conversation_id,
                request.page_size,
                request.page_token,
                self._page_limit("services_page", request.page_size),
                _now(),
                self._limits,
                open_only=request.open_only,
            )
        )
        return pb.ListServicesResponse(
            services=map(translation.service, page.services), next_page_token=page.next_page_token
        )

    async def ListServiceEvents(
        self, request: pb.ListServiceEventsRequest, context: Context
    ) -> pb.ListServiceEventsResponse:
        page = accepted(
            await self._readers.run(
                queries.list_service_events,
                request.actor,
                request.service_id,
                request.page_size,
                request.page_token,
                self._page_limit("events_page", request.page_size),
            )
        )
        return pb.ListServiceEventsResponse(
            events=map(translation.service_event, page.entries),
            next_page_token=page.next_page_token,
        )

    async def _read_changes(
        self, request: pb.ListChangesRequest, after: Position, until: Position
    ) -> ChangePage[Notification] | Refusal:
        return await self._readers.run(
            queries.list_changes,
            request.user,
            after,
            until,
            request.page_size,
            request.page_token,
            self._page_limit("changes_page", request.page_size),
            _now(),
            self._limits,
            everything=request.everything,
        )

    async def _find_changed_users(
        self, users: Sequence[str], after: Position, until: Position
    ) -> ChangedUsers | Refusal:
        return await self._readers.run(queries.list_changed_users, users, after, until)

    def _encode_changes(self, events: list[Notification], user: str) -> list[pb.Event]:
        return translation.changes(events, user)

    def _result(self, outcome: Answer | Refusal | Exception) -> pb.StreamCommandsResponse.Result:
        if isinstance(outcome, Answer):
            answer = pb.CommandAnswer(**translation.answer(outcome))
            return pb.StreamCommandsResponse.Result(answer=answer)
        return pb.StreamCommandsResponse.Result(status=self._failures.status(outcome))

    def _sound(self, command: CommandType) -> CommandType:
        """Check the arguments of a command that comes alone; end the call with a refusal."""
        if refusal := check_arguments(command, self._limits):
            raise Refused(refusal)
        return command

    async def _carry_out_step(self, command: PartyCommand, context: Context) -> Answer:
        """Carry out what a party asks for."""
        (outcome,) = await self._carry_out_steps((command,), context.time_remaining())
        return accepted(outcome)

    async def _carry_out_steps(
        self,
        commands: Sequence[PartyCommand | Refusal],
        seconds_left: float | None = None,
        messages: Sequence[pb.Command] = (),
    ) -> list[Answer | Refusal | Exception]:
        """Carry out what parties ask for, in order, with the facts that messaging knows; one
        outcome for each. What was refused before stays so.
        """
        outcomes: dict[int, Answer | Refusal | Exception] = {}
        sound: dict[int, PartyCommand] = {}
        for number, command in enumerate(commands):
            if isinstance(command, Refusal):
                outcomes[number] = command
            elif refusal := check_arguments(command, self._limits):
                outcomes[number] = refusal
            else:
                sound[number] = command
        tasks: dict[int, Task] = {}
        found = await self._facts.find([*sound.values()], seconds_left)
        for (number, command), facts in zip(sound.items(), found, strict=True):
            if isinstance(facts, Facts):
                tasks[number] = Task(command, facts)
            else:
                outcomes[number] = facts
        brought = [messages[number] for number in tasks] if messages else ()
        outcomes.update(zip(tasks, await self._write([*tasks.values()], brought), strict=True))
        return [outcomes[number] for number in range(len(commands))]

    def _page_limit(self, name: str, asked: int) -> int:
        return page_limit(self._settings, self._reached, name, asked)

    async def _write(
        self, tasks: Sequence[Task], messages: Sequence[pb.Command] = ()
    ) -> list[Answer | Refusal | Exception]:
        return await self._writer.submit(self._operation, tasks, self._expect, messages)

    def _expect(self, outcomes: Sequence[Answer | Refusal | Exception]) -> None:
        """Learn when timers are due, also if whoever called has gone meanwhile."""
        for one in outcomes:
            if isinstance(one, Answer):
                self._timers.expect(one.next_due)

    async def _carry_out(self, command: Command) -> Answer:
        (outcome,) = await self._write((Task(command),))
        return accepted(outcome)


def _read(given: pb.Command) -> PartyCommand | Refusal:
    try:
        return requests.party_command(given)
    except Refused as error:
        return error.refusal


def _now() -> int:
    return time.time_ns() // 1_000_000
