"""Deals as documents."""

from negotiation_service.storage import documents
from negotiation_service.storage.documents import dump_deal, load_deal
from tests.negotiation_service.story import Story


def test_what_is_known_is_what_the_document_says() -> None:
    """A deal that was written last is not read again; it would be the same."""
    deal = Story("accept", "deliver", "hold").deal
    document = dump_deal(deal)
    assert load_deal(document) is deal
    documents._known.clear()
    again = load_deal(document)
    assert again is not deal
    assert again == deal
    assert dump_deal(again) == document


def test_little_is_known() -> None:
    deal = Story().deal
    for _ in range(documents._MOST_KNOWN + 1):
        dump_deal(deal)
    assert len(documents._known) <= documents._MOST_KNOWN
