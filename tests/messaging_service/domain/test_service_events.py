"""The document of an event of a service."""

from messaging_service.domain import service_events
from messaging_service.domain.service_events import ServiceEvent


def test_a_document_of_a_later_version_is_read() -> None:
    event = ServiceEvent("service", 7, "countered", "bob", 1, "offered", "Tap", 2, 12_050, "EUR")
    document = service_events.encode(event)
    assert service_events.decode(document.replace("{", '{"later":1,', 1)) == event
