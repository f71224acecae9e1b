"""The edge's settings: defaults, names, and what is refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.settings import Settings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine has set must not decide a test; the one required setting is given."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PARLEY_EDGE_{name.upper()}", raising=False)
    monkeypatch.setenv("PARLEY_EDGE_CREDENTIAL_FILE", "service.key")


def test_the_defaults_are_the_protocols() -> None:
    """PING every 5 s, gone after 30 s of silence, packets of 64 KiB, loopback only."""
    settings = Settings.from_environment()
    assert settings.ping_interval_seconds == 5
    assert settings.pong_timeout_seconds == 30
    assert settings.max_packet_bytes == 65_536
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.messaging_target == "127.0.0.1:7101"
    assert settings.token_leeway_seconds == 5
    assert settings.allowed_origins == ()
    assert settings.token_algorithms == ()
    assert settings.moderation_target is None
    assert settings.moderation_down == "allow"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name bears the prefix; lists are separated by commas, with or without spaces."""
    monkeypatch.setenv("PARLEY_EDGE_PING_INTERVAL_SECONDS", "0.5")
    monkeypatch.setenv("PARLEY_EDGE_ALLOWED_ORIGINS", "https://a.example, https://b.example,")
    monkeypatch.setenv("PARLEY_EDGE_TOKEN_ALGORITHMS", "RS256,ES256")
    settings = Settings.from_environment()
    assert settings.ping_interval_seconds == 0.5
    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert settings.token_algorithms == ("RS256", "ES256")
    assert settings.credential_file == Path("service.key")


def test_the_credential_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge without one could call no service."""
    monkeypatch.delenv("PARLEY_EDGE_CREDENTIAL_FILE")
    with pytest.raises(ValidationError, match="credential_file"):
        Settings.from_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PING_INTERVAL_SECONDS", "0"),
        ("PONG_TIMEOUT_SECONDS", "-1"),
        ("TOKEN_LEEWAY_SECONDS", "-1"),
        ("MAX_PACKET_BYTES", "0"),
        ("OUTBOX_BYTES", "many"),
        ("REQUESTS_PER_SOCKET", "0"),
        ("BATCH_ITEMS", "0"),
        ("MODERATION_DOWN", "perhaps"),
        ("MODERATION_TIMEOUT_SECONDS", "0"),
        ("KNOWN_STANDINGS", "0"),
        ("WEB_SIGN_IN_URL", "javascript:alert(1)"),
        ("WEB_TOKEN_URL", "//elsewhere.example/token"),
        ("WEB_TOKEN_URL", "https://elsewhere.example;script-src/token"),
        ("WEB_TOKEN_URL", "token"),
    ],
)
def test_values_that_cannot_work_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """At the start, by name, and not later by strange behaviour."""
    monkeypatch.setenv(f"PARLEY_EDGE_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings.from_environment()


def test_settings_do_not_change() -> None:
    """Whoever holds them can rely on them."""
    settings = Settings.from_environment()
    with pytest.raises(ValidationError, match="frozen"):
        settings.__setattr__("port", 1)
