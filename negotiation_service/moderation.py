"""Follows moderation, so that what it forbids is refused here too."""

from parley.moderation.v1 import moderation_pb2, moderation_pb2_grpc

from negotiation_service.settings import NegotiationSettings
from service_kit.follower import Follower, FollowerMetrics, Source
from service_kit.interceptors import read_credentials
from service_kit.sanctions import MODERATION, follow
from service_kit.sanctions_follower import sanctions_follower
from service_kit.service import Resources


def follower(
    resources: Resources[NegotiationSettings], target: str, metrics: FollowerMetrics
) -> Follower:
    """Make the follower of the moderation service at `target`.

    Raises ValueError for a credential that can not be read.
    """
    path = resources.settings.moderation_credential_file
    if path is None:
        raise ValueError("PARLEY_NEGOTIATION_MODERATION_CREDENTIAL_FILE is not set")
    source = Source(
        MODERATION,
        target,
        read_credentials(path)[0],
        moderation_pb2,
        moderation_pb2_grpc.ModerationServiceStub,
    )
    return sanctions_follower("negotiation", source, resources, metrics, follow)
