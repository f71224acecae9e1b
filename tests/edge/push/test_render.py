"""The alerts that tell of events; translation/test_moderation.py has those of moderation."""

from parley.messaging.v1 import messaging_pb2 as pb

from edge.cursors import MESSAGING
from edge.push.render import render
from parley_protocol.packets import JSON, Op


def test_an_event_of_a_newer_service_is_passed_over() -> None:
    """An edge may be older than the services behind it."""
    assert render(MESSAGING, pb.Event(recipients=["alice"]), "alice") is None


def test_a_delivered_watermark_is_a_status_of_the_message() -> None:
    """The author knows the message by its id and by the key it was sent with."""
    moved = pb.WatermarkMoved(
        conversation_id="c", reader="bob", message_id="m1", seq=1, idempotency_key="k"
    )
    alert = render(MESSAGING, pb.Event(recipients=["alice"], delivered=moved), "alice")
    assert alert is not None
    assert alert.op is Op.STATUS_MSG
    content = JSON.encode(alert.op, alert.payload).event["text"]
    for part in ('"status":"delivered"', '"idempotency_key":"k"', '"message":"m1"', '"seq":1'):
        assert part in content
