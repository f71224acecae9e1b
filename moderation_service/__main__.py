"""The moderation service: `python -m moderation_service serve|migrate|health`."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from parley.messaging.v1.messaging_pb2_grpc import MessagingServiceStub
from parley.moderation.v1 import moderation_pb2, moderation_pb2_grpc
from parley.negotiation.v1.negotiation_pb2_grpc import NegotiationServiceStub

from moderation_service import event_translation, storage
from moderation_service.calls import Methods
from moderation_service.commands import FireTimers
from moderation_service.evidence_taking import Bounds, EvidenceTaker
from moderation_service.failures import FAILURES
from moderation_service.gauges import Gauges
from moderation_service.messaging import Messaging
from moderation_service.negotiation import Negotiation
from moderation_service.operations import Answer, Task, operation
from moderation_service.servicer import ModerationServicer
from moderation_service.settings import ModerationSettings
from service_kit.background import background
from service_kit.client import Client, dial
from service_kit.interceptors import read_credentials
from service_kit.service import Resources, Service, main
from service_kit.timers import Schedule, Timers


@asynccontextmanager
async def servicer(resources: Resources[ModerationSettings]) -> AsyncIterator[ModerationServicer]:
    """Give what serves the calls; beside it live what time does and the links to others."""
    settings = resources.settings
    limits = settings.limits()
    carry_out = operation(limits)
    timers = Timers(
        Schedule("timers", storage.find_due, storage.find_next_due, _fire, carry_out, _fired),
        resources.writer,
        resources.readers,
        batch=settings.timers_batch,
        max_sleep_seconds=settings.timers_max_sleep_seconds,
        reached=resources.limits.reached,
        registry=resources.registry,
    )
    gauges = Gauges(resources.readers, resources.registry, settings.gauges_seconds)
    async with AsyncExitStack() as links:
        messaging, negotiation = await _dial(resources, links)
        taker = EvidenceTaker(
            messaging,
            negotiation,
            Bounds(settings.evidence_context, settings.evidence_page, settings.evidence_bytes),
            resources.limits.reached,
        )
        works = {"timers": timers.run, "gauges": gauges.run}
        await links.enter_async_context(background(works, resources.registry))
        yield ModerationServicer(Methods(resources, limits, carry_out, taker, _Nobody(), timers))


async def _dial(
    resources: Resources[ModerationSettings], links: AsyncExitStack
) -> tuple[Messaging, Negotiation | None]:
    """Keep the connections to messaging, and to negotiation if there is one."""
    settings = resources.settings

    async def client(name: str, target: str, credential: Path, stub: Any) -> Client:
        seconds = f"{name}_timeout_seconds"
        return await links.enter_async_context(
            dial(
                target,
                stub,
                read_credentials(credential)[0],
                getattr(settings, seconds),
                partial(resources.limits.reached, seconds),
            )
        )

    messaging = await client(
        "messaging",
        settings.messaging_target,
        settings.messaging_credential_file,
        MessagingServiceStub,
    )
    target, credential = settings.negotiation_target, settings.negotiation_credential_file
    if target is None or credential is None:
        return Messaging(messaging), None
    negotiation = await client("negotiation", target, credential, NegotiationServiceStub)
    return Messaging(messaging), Negotiation(negotiation)


class _Nobody:
    async def push(self, dispute: str, seconds: float | None) -> None:
        pass


def _fire(dispute: str) -> Task:
    return Task(FireTimers(dispute))


def _fired(answer: Answer) -> list[tuple[str, int]]:
    return [(str(event.cause), event.at) for event in answer.events]


SERVICE = Service(
    name="moderation",
    settings=ModerationSettings,
    contract=moderation_pb2.DESCRIPTOR.services_by_name["ModerationService"],
    migrations=Path(__file__).parent / "migrations",
    failures=FAILURES,
    encode=event_translation.event,
    encode_for_everything=event_translation.event_of_everything,
    servicer=servicer,
    add_servicer=moderation_pb2_grpc.add_ModerationServiceServicer_to_server,
    limits=(
        "comment_limit",
        "statement_limit",
        "appeal_limit",
        "facts_limit",
        "rule_limit",
        "note_limit",
        "reports_limit",
        "unreliable_reports_limit",
        "open_reports_limit",
        "measures_limit",
        "dispute_statements_limit",
        "dispute_offers_limit",
        "max_mute_days",
        "max_suspension_days",
        "evidence_bytes",
        "reports_page",
        "cases_page",
        "appeals_page",
        "sanctions_page",
        "disputes_page",
        "audit_page",
        "timers_batch",
        "messaging_timeout_seconds",
        "negotiation_timeout_seconds",
    ),
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
