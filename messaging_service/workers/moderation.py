"""Follows moderation, so that what it forbids is refused here too, and what it removes is gone."""

from parley.moderation.v1 import moderation_pb2, moderation_pb2_grpc

from messaging_service.operations.removals import follow_moderation
from messaging_service.settings import MessagingSettings
from service_kit.follow.follower import Follower, FollowerMetrics, read_source
from service_kit.follow.sanctions import MODERATION
from service_kit.follow.sanctions_follower import sanctions_follower
from service_kit.resources import Resources


def follower(resources: Resources[MessagingSettings], metrics: FollowerMetrics) -> Follower:
    """Make the follower of the moderation service that the settings name.

    Raises ValueError for a credential that can not be read.
    """
    source = read_source(
        resources.settings, MODERATION, moderation_pb2, moderation_pb2_grpc.ModerationServiceStub
    )
    return sanctions_follower("messaging", source, resources, metrics, follow_moderation)
