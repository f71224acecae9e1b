"""Settings of TLS: what contradicts what."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service_kit.process.settings import problems_of
from service_kit.tls.settings import is_loopback
from tests.support.tally.service import TallySettings

PEER = "spiffe://example.org/parley/edge"
OWN = {"tls_certificate_file": Path("c"), "tls_key_file": Path("k")}
MUTUAL = {**OWN, "tls_client_ca_file": Path("ca")}
BOTH = {**MUTUAL, "callers_known_by": "both", "tls_allowed_peers": PEER}


def make(**changes: Any) -> TallySettings:
    given = {
        "database_url": "sqlite://",
        "credentials_file": Path("accepted"),
        "follow_credential_file": Path("own"),
        **changes,
    }
    return TallySettings(**{name: one for name, one in given.items() if one is not None})


@pytest.mark.parametrize(
    "given",
    [
        {},
        OWN,
        MUTUAL,
        BOTH,
        {**BOTH, "callers_known_by": "certificate", "credentials_file": None},
        {**BOTH, "listen": "0.0.0.0:7101"},
        {"listen": "0.0.0.0:7101", "trusted_network": True},
        {"listen": "[::1]:7101"},
        {"listen": "localhost:7101"},
        {"tls_ca_file": Path("ca"), "follow_target": "h:1", "tls_target_names": "follow=h.example"},
        {**OWN, "follow_target": "h:1", "tls_plain_targets": "follow"},
        {**OWN, "follow_target": "h:1", "tls_ca_file": Path("ca")},
    ],
)
def test_settings_that_fit_together(given: dict[str, Any]) -> None:
    make(**given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tls_certificate_file": Path("c")}, "TLS_CERTIFICATE_FILE and TLS_KEY_FILE go together"),
        ({"tls_key_file": Path("k")}, "TLS_CERTIFICATE_FILE and TLS_KEY_FILE go together"),
        ({"tls_client_ca_file": Path("ca")}, "TLS_CLIENT_CA_FILE is of no use without"),
        (
            {**OWN, "tls_allowed_peers": PEER, "callers_known_by": "both"},
            "TLS_ALLOWED_PEERS is of no use without TLS_CLIENT_CA_FILE",
        ),
        ({**MUTUAL, "tls_allowed_peers": PEER}, "of no use while CALLERS_KNOWN_BY is credential"),
        ({**MUTUAL, "callers_known_by": "both"}, "TLS_ALLOWED_PEERS says of no certificate"),
        ({"callers_known_by": "both"}, "TLS_ALLOWED_PEERS says of no certificate"),
        ({**BOTH, "tls_allowed_peers": "edge"}, "TLS_ALLOWED_PEERS: .*edge is no URI"),
        ({**BOTH, "callers_known_by": "certificate"}, "CREDENTIALS_FILE is set"),
        ({**BOTH, "callers_known_by": "smile"}, "CALLERS_KNOWN_BY"),
        ({"credentials_file": None}, "CREDENTIALS_FILE is missing"),
        ({**OWN, "trusted_network": True}, "TRUSTED_NETWORK allows doing without TLS"),
        ({"listen": "0.0.0.0:7101"}, "LISTEN is 0.0.0.0:7101, which others can reach"),
        ({"listen": "[::]:7101"}, "which others can reach"),
        ({"listen": "messaging:7101"}, "which others can reach"),
        ({"tls_target_names": "follow=x"}, "TLS_TARGET_NAMES is of no use without TLS_CA_FILE"),
        ({"tls_target_names": "follow"}, "follow is not `target=name`"),
        ({"tls_ca_file": Path("ca"), "tls_target_names": "mesaging=x"}, "and there are follow"),
        ({"tls_plain_targets": "mesaging"}, "TLS_PLAIN_TARGETS names mesaging"),
        (
            {
                "tls_ca_file": Path("ca"),
                "tls_plain_targets": "follow",
                "tls_target_names": "follow=x",
            },
            "both name follow",
        ),
        ({**OWN, "follow_target": "h:1"}, "follow would be called without TLS"),
    ],
)
def test_settings_that_contradict_one_another(given: dict[str, Any], words: str) -> None:
    """Each is one line that names the settings."""
    with pytest.raises(ValidationError) as caught:
        make(**given)
    line = problems_of(caught.value, "PARLEY_TALLY_")
    assert "\n" not in line
    with pytest.raises(ValueError, match=words):
        raise ValueError(line)


@pytest.mark.parametrize(
    ("address", "alone"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.example.org:1", False),
        ("messaging:1", False),
    ],
)
def test_loopback(address: str, alone: bool) -> None:
    assert is_loopback(address) is alone
