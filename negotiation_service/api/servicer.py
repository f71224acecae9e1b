"""The contract's methods: each translates, delegates and translates back. No rule is in here."""

# The contract gives the names of the methods, and a context that few of them need.
# ruff: noqa: N802, ARG002

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
from parley.negotiation.v1 import negotiation_pb2 as pb
from parley.negotiation.v1 import negotiation_pb2_grpc
from uuid_utils import uuid7

from negotiation_service.api import requests, translation
from negotiation_service.clients.messaging import Messaging
from negotiation_service.domain import commands
from negotiation_service.domain.arguments import check_arguments
from negotiation_service.domain.commands import Command
from negotiation_service.domain.limits import Limits
from negotiation_service.operations import queries
from negotiation_service.operations.runner import Answer
from negotiation_service.settings import NegotiationSettings
from service_kit.follow.sanctions import LOCKED
from service_kit.rpc.failures import Refused
from service_kit.rpc.servicer import accepted, check_batch, page_limit, watch, write_one
from service_kit.rules import Refusal
from service_kit.service import Resources
from service_kit.storage.clock import Position
from service_kit.storage.writer import Operation
from service_kit.timers import Timers

Context = grpc.aio.ServicerContext[Any, Any]


class NegotiationServicer(negotiation_pb2_grpc.NegotiationServiceServicer):
    """Serves the contract from a writer, readers and a hub."""

    def __init__(
        self,
        resources: Resources[NegotiationSettings],
        limits: Limits,
        operation: Operation[Command, Answer | Refusal],
        timers: Timers[Answer],
        messaging: Messaging,
    ) -> None:
        self._settings = resources.settings
        self._writer = resources.writer
        self._readers = resources.readers
        self._hub = resources.hub
        self._reached = resources.limits
        self._limits = limits
        self._operation = operation
        self._timers = timers
        self._messaging = messaging

    async def CreateService(
        self, request: pb.CreateServiceRequest, context: Context
    ) -> pb.CreateServiceResponse:
        command = requests.create_service(request, str(uuid7()))
        if refusal := check_arguments(command, self._limits):
            raise Refused(refusal)
        if await self._is_new(command):
            found = await self._messaging.conversation(
                command.actor, command.conversation, context.time_remaining()
            )
            # In the words of a lock, to both alike, so that nobody learns who blocks whom.
            forbidden = LOCKED if found.blocked else ""
            command = replace(command, participants=found.participants, forbidden=forbidden)
        answer = await self._carry_out(command)
        return pb.CreateServiceResponse(
            service=translation.service(answer.service),
            duplicate=answer.duplicate,
            cause=answer.cause,
        )

    async def EditPrice(
        self, request: pb.EditPriceRequest, context: Context
    ) -> pb.EditPriceResponse:
        answer = await self._carry_out(requests.edit_price(request))
        return pb.EditPriceResponse(
            service=translation.service(answer.service),
            duplicate=answer.duplicate,
            cause=answer.cause,
        )

    async def EndNegotiation(
        self, request: pb.EndNegotiationRequest, context: Context
    ) -> pb.EndNegotiationResponse:
        answer = await self._carry_out(requests.end_negotiation(request))
        return pb.EndNegotiationResponse(
            service=translation.service(answer.service),
            duplicate=answer.duplicate,
            cause=answer.cause,
        )

    async def TerminateService(
        self, request: pb.TerminateServiceRequest, context: Context
    ) -> pb.TerminateServiceResponse:
        answer = await self._carry_out(requests.terminate_service(request))
        return pb.TerminateServiceResponse(
            service=translation.service(answer.service),
            duplicate=answer.duplicate,
            cause=answer.cause,
        )

    async def SubmitNote(
        self, request: pb.SubmitNoteRequest, context: Context
    ) -> pb.SubmitNoteResponse:
        answer = await self._carry_out(requests.submit_note(request))
        return pb.SubmitNoteResponse(
            service=translation.service(answer.service),
            duplicate=answer.duplicate,
            cause=answer.cause,
        )

    async def PlaceHold(
        self, request: pb.PlaceHoldRequest, context: Context
    ) -> pb.PlaceHoldResponse:
        answer = await self._carry_out(requests.place_hold(request))
        return pb.PlaceHoldResponse(
            service=translation.service(answer.service), placed=bool(answer.events)
        )

    async def ResolveHold(
        self, request: pb.ResolveHoldRequest, context: Context
    ) -> pb.ResolveHoldResponse:
        answer = await self._carry_out(requests.resolve_hold(request))
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

    def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.WatchResponse]:
        return watch(
            self._hub,
            request.watcher_name,
            translation.watch_response,
            everything=request.everything,
        )

    async def UpdateWatch(
        self, request: pb.UpdateWatchRequest, context: Context
    ) -> pb.UpdateWatchResponse:
        position = self._hub.update(request.watcher_id, request.add_users, request.remove_users)
        return pb.UpdateWatchResponse(position=translation.position(position))

    async def ListChanges(
        self, request: pb.ListChangesRequest, context: Context
    ) -> pb.ListChangesResponse:
        page = accepted(
            await self._readers.run(
                queries.list_changes,
                request.user,
                Position(request.after.epoch, request.after.revision),
                Position(request.until.epoch, request.until.revision),
                request.page_size,
                request.page_token,
                self._page_limit("changes_page", request.page_size),
                self._limits,
                everything=request.everything,
            )
        )
        return pb.ListChangesResponse(
            complete=page.complete,
            changes=[translation.change(one, request.user) for one in page.changes],
            next_page_token=page.next_page_token,
        )

    async def _is_new(self, command: commands.CreateService) -> bool:
        """Whether it has to be decided; a repeat is answered from what is stored."""
        actor, key = command.actor, command.idempotency_key
        return not key or not await self._readers.run(queries.is_key_used, actor, key)

    def _page_limit(self, name: str, asked: int) -> int:
        return page_limit(self._settings, self._reached, name, asked)

    async def _carry_out(self, command: Command) -> Answer:
        answer = await write_one(self._writer, self._operation, command)
        self._timers.expect(answer.next_due)
        return answer


def _now() -> int:
    return time.time_ns() // 1_000_000
