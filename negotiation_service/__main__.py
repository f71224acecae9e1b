"""The negotiation service: `python -m negotiation_service serve|migrate|health`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from parley.messaging.v1.messaging_pb2_grpc import MessagingServiceStub
from parley.negotiation.v1 import negotiation_pb2, negotiation_pb2_grpc

from negotiation_service.api import translation
from negotiation_service.api.failures import FAILURES
from negotiation_service.api.servicer import NegotiationServicer
from negotiation_service.clients.messaging import Messaging
from negotiation_service.operations.removals import following
from negotiation_service.operations.runner import operation
from negotiation_service.settings import NegotiationSettings
from negotiation_service.storage.tables import FORGETTINGS
from negotiation_service.workers.timers import deal_timers
from service_kit.authentication import callers
from service_kit.follow.follower import FollowerMetrics
from service_kit.follow.sanctions import MODERATION
from service_kit.follow.sanctions_follower import moderation_source, sanctions_follower
from service_kit.process.background import Work, background
from service_kit.resources import Resources
from service_kit.retention import retention
from service_kit.rpc.client import dial_by_settings
from service_kit.service import Service, main


@asynccontextmanager
async def servicer(resources: Resources[NegotiationSettings]) -> AsyncIterator[NegotiationServicer]:
    """Build the servicer, with timers and the follower of moderation running beside it."""
    settings = resources.settings
    limits = settings.limits()
    carry_out = operation(limits)
    timers = deal_timers(resources, carry_out)
    under = resources.leases.under
    works: dict[str, Work] = {
        "timers": under("timers", timers.run),
        "retention": under("retention", retention(resources, FORGETTINGS)),
    }
    if settings.moderation_target is not None:
        metrics = FollowerMetrics(resources.registry)
        follower = sanctions_follower(
            "negotiation",
            moderation_source(settings, resources.connections),
            resources,
            metrics,
            following(limits),
        )
        works["moderation"] = under(MODERATION, follower.run)
    async with (
        dial_by_settings(
            settings,
            "messaging",
            MessagingServiceStub,
            resources.limits.reached,
            resources.connections,
        ) as client,
        background(works, resources.registry),
    ):
        yield NegotiationServicer(resources, limits, carry_out, timers, Messaging(client))


SERVICE = Service(
    name="negotiation",
    settings=NegotiationSettings,
    contract=negotiation_pb2.DESCRIPTOR.services_by_name["NegotiationService"],
    migrations=Path(__file__).parent / "migrations",
    failures=FAILURES,
    encode=translation.event,
    encode_for_everything=translation.event_of_everything,
    servicer=servicer,
    add_servicer=negotiation_pb2_grpc.add_NegotiationServiceServicer_to_server,
    callers=callers.NEGOTIATION,
    limits=(
        "min_price_minor",
        "max_price_minor",
        "rounds_limit",
        "amendments_limit",
        "reopenings_limit",
        "disputes_limit",
        "submissions_limit",
        "services_per_hour",
        "title_limit",
        "description_limit",
        "offer_note_limit",
        "reason_limit",
        "comment_limit",
        "services_page",
        "events_page",
        "timers_batch",
        "messaging_timeout_seconds",
    ),
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
