"""The moderation service: `python -m moderation_service serve|migrate|health|verify`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from parley.moderation.v1 import moderation_pb2, moderation_pb2_grpc

from moderation_service.api import event_translation
from moderation_service.api.failures import FAILURES
from moderation_service.api.servicer import ModerationServicer
from moderation_service.operations import verification
from moderation_service.operations.runner import operation
from moderation_service.settings import ModerationSettings
from moderation_service.workers.wiring import wire
from service_kit.authentication import callers
from service_kit.authentication.settings import open_authenticator
from service_kit.resources import Resources
from service_kit.service import Service, main


@asynccontextmanager
async def servicer(resources: Resources[ModerationSettings]) -> AsyncIterator[ModerationServicer]:
    """Make the servicer, and keep its clients and background work while the context lasts."""
    carry_out = operation(resources.settings.limits())
    authenticator, keys = open_authenticator(resources.settings, resources.registry)
    async with wire(resources, carry_out) as wiring:
        await keys.start()
        try:
            yield ModerationServicer(resources, carry_out, wiring, authenticator)
        finally:
            await keys.close()


SERVICE = Service(
    name="moderation",
    settings=ModerationSettings,
    contract=moderation_pb2.DESCRIPTOR.services_by_name["ModerationService"],
    migrations=verification.MIGRATIONS,
    failures=FAILURES,
    encode=event_translation.event,
    encode_for_everything=event_translation.event_of_everything,
    servicer=servicer,
    add_servicer=moderation_pb2_grpc.add_ModerationServiceServicer_to_server,
    callers=callers.MODERATION,
    commands={"verify": verification.run},
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
        "revoked_tokens_limit",
        "dispute_statements_limit",
        "dispute_offers_limit",
        "max_mute_days",
        "max_suspension_days",
        "evidence_bytes",
        "evidence_takings",
        "reports_page",
        "cases_page",
        "appeals_page",
        "sanctions_page",
        "disputes_page",
        "audit_page",
        "timers_batch",
        "saga_batch",
        "expiry_batch",
        "messaging_timeout_seconds",
        "negotiation_timeout_seconds",
    ),
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
