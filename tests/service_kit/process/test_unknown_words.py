"""Words of a later release are passed over, logged once each, and counted."""

from collections import Counter
from collections.abc import Iterator

import pytest
from parley.messaging.v1 import messaging_pb2 as pb
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from service_kit.process import unknown_words
from service_kit.process.unknown_words import UnknownWords, Words, which


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[CollectorRegistry]:
    """The metrics of a process that has met no unknown word yet."""
    with monkeypatch.context() as fresh:
        fresh.setattr(unknown_words, "_met", Counter())
        fresh.setattr(unknown_words, "_logged", set())
        registry = CollectorRegistry()
        registry.register(UnknownWords("parley_"))
        yield registry


def test_each_unknown_word_is_logged_once_and_always_counted(registry: CollectorRegistry) -> None:
    words = Words("parley.Kind", {1: "one"}, "?")
    with capture_logs() as logs:
        assert [words[number] for number in (1, 7, 7, 8, 0)] == ["one", "?", "?", "?", "?"]
    assert [(one["of"], one["number"]) for one in logs] == [("parley.Kind", 7), ("parley.Kind", 8)]
    assert registry.get_sample_value("parley_unknown_words_total", {"of": "parley.Kind"}) == 3


def test_a_field_of_a_oneof_that_is_not_known_is_none_of_it(registry: CollectorRegistry) -> None:
    with capture_logs() as logs:
        assert which(pb.Event(typing=pb.Typing()), "event") == "typing"
        assert which(pb.Event(), "event") is None
        assert which(pb.Event(), "event") is None
    name = "parley.messaging.v1.Event.event"
    assert [one["of"] for one in logs] == [name]
    assert registry.get_sample_value("parley_unknown_words_total", {"of": name}) == 2


def test_the_log_has_a_bound(registry: CollectorRegistry) -> None:
    """A service gone mad says other numbers for ever."""
    words = Words("parley.Kind", {}, "?")
    with capture_logs() as logs:
        for number in range(1, unknown_words._MOST_LOGGED + 100):
            assert words[number] == "?"
    assert len(logs) == unknown_words._MOST_LOGGED
    assert len(words) == 0
