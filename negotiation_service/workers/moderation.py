"""Follows moderation, so that what it forbids is refused here too."""

from parley.moderation.v1 import moderation_pb2, moderation_pb2_grpc

from negotiation_service.settings import NegotiationSettings
from service_kit.follow.follower import Follower, FollowerMetrics, read_source
from service_kit.follow.sanctions import MODERATION, follow
from service_kit.follow.sanctions_follower import sanctions_follower
from service_kit.resources import Resources


def follower(resources: Resources[NegotiationSettings], metrics: FollowerMetrics) -> Follower:
    """Make the follower of the moderation service that the settings name.

    Raises ValueError for a credential that can not be read.
    """
    source = read_source(
        resources.settings, MODERATION, moderation_pb2, moderation_pb2_grpc.ModerationServiceStub
    )
    return sanctions_follower("negotiation", source, resources, metrics, follow)
