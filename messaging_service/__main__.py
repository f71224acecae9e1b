"""The messaging service: `python -m messaging_service serve|migrate|health`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from parley.messaging.v1 import messaging_pb2, messaging_pb2_grpc

from messaging_service.api import translation
from messaging_service.api.failures import FAILURES
from messaging_service.api.servicer import MessagingServicer
from messaging_service.operations.removals import follow_moderation
from messaging_service.operations.service_events import NEGOTIATION
from messaging_service.settings import MessagingSettings
from messaging_service.storage.retention import FORGETTINGS
from messaging_service.workers import negotiation
from messaging_service.workers.presence import PresenceTracker
from messaging_service.workers.typing_signals import TypingTracker
from service_kit.authentication import callers
from service_kit.follow.follower import FollowerMetrics
from service_kit.follow.sanctions import MODERATION
from service_kit.follow.sanctions_follower import moderation_source, sanctions_follower
from service_kit.process.background import Work, background
from service_kit.resources import Resources
from service_kit.retention import retention
from service_kit.service import Service, main
from service_kit.storage.writer import Events
from service_kit.watch.hub import HeardEvent


@asynccontextmanager
async def servicer(resources: Resources[MessagingSettings]) -> AsyncIterator[MessagingServicer]:
    """Run the servicer, and beside it presence, typing, the followers and retention."""
    presence = PresenceTracker(resources)
    typing = TypingTracker(resources)
    resources.hub.observe(presence.observe)

    def hear(events: Events) -> None:
        for recipients, heard in events:
            if isinstance(heard, HeardEvent) and (signal := translation.typing_heard(heard.event)):
                typing.hear(recipients[0], signal)

    resources.hub.observe_heard(hear)
    settings, metrics = resources.settings, FollowerMetrics(resources.registry)
    under = resources.leases.under
    works: dict[str, Work] = {"retention": under("retention", retention(resources, FORGETTINGS))}
    if settings.negotiation_target is not None:
        works["negotiation"] = under(NEGOTIATION, negotiation.follower(resources, metrics).run)
    if settings.moderation_target is not None:
        follower = sanctions_follower(
            "messaging",
            moderation_source(settings, resources.connections),
            resources,
            metrics,
            follow_moderation,
        )
        works["moderation"] = under(MODERATION, follower.run)
    works |= presence.works()
    await presence.start()
    try:
        async with background(works, resources.registry):
            yield MessagingServicer(resources, presence, typing)
    finally:
        typing.close()
        await presence.close()


SERVICE = Service(
    name="messaging",
    settings=MessagingSettings,
    contract=messaging_pb2.DESCRIPTOR.services_by_name["MessagingService"],
    migrations=Path(__file__).parent / "migrations",
    failures=FAILURES,
    encode=translation.event,
    servicer=servicer,
    add_servicer=messaging_pb2_grpc.add_MessagingServiceServicer_to_server,
    callers=callers.MESSAGING,
    one_plan=True,
    limits=(
        "openings_per_hour",
        "text_limit",
        "subject_limit",
        "edits_per_message",
        "blocks_per_user",
        "blocks_page",
        "conversations_page",
        "messages_page",
        "messages_bytes",
        "typing_people",
        "presence_conversations",
        "presence_people",
        "presence_batch",
    ),
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
