"""The objects that all sessions of one process share."""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.backends.messaging import MessagingBackend
from edge.backends.moderation import ModerationBackend
from edge.backends.negotiation import NegotiationBackend
from edge.metrics import Metrics
from edge.push.feed import Feed
from edge.push.hub import Hub
from edge.sanctions.cache import SanctionsCache
from edge.sanctions.reader import SanctionsReader
from edge.sessions.people import People
from edge.sessions.requests import Route
from edge.settings import Settings
from service_kit.authentication.authenticator import Authenticator
from service_kit.tracing.spans import Tracing


@dataclass(frozen=True, slots=True)
class Edge:
    """The shared objects, made once by the composition root."""

    settings: Settings
    hub: Hub
    people: People
    # By backend.
    feeds: Mapping[str, Feed]
    messaging: MessagingBackend
    # None where that backend is not deployed.
    negotiation: NegotiationBackend | None
    moderation: ModerationBackend | None
    sanctions: SanctionsCache
    sanctions_reader: SanctionsReader
    authenticator: Authenticator
    metrics: Metrics
    # By the number of the opcode.
    routes: Mapping[int, Route]
    # None: no spans are made.
    tracing: Tracing | None = None
