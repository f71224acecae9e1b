"""The key source that the settings name."""

from pathlib import Path

import pytest

from service_kit.authentication.key_set import JsonWebKeySet
from service_kit.authentication.keys import PublicKey, SecretKey, open_key_source
from tests.service_kit.authentication.tokens import public_pem, rsa_key


def test_source_is_made_from_what_is_named(tmp_path: Path) -> None:
    """A secret file, a public key file and an address each give their source."""
    secret_file, public_key_file = tmp_path / "secret", tmp_path / "public.pem"
    secret_file.write_bytes(b"s" * 32 + b"\r\n")
    public_key_file.write_bytes(public_pem(rsa_key("first")))
    assert isinstance(open_key_source(secret_file=secret_file), SecretKey)
    assert isinstance(open_key_source(public_key_file=public_key_file), PublicKey)
    assert isinstance(open_key_source(jwks_url="https://issuer.example/keys"), JsonWebKeySet)


async def test_final_newline_of_a_secret_file_does_not_count(tmp_path: Path) -> None:
    """The secret is the same with and without the newline that editors add."""
    secret_file = tmp_path / "secret"
    secret_file.write_bytes(b" secret with spaces around, which count \n")
    key = await open_key_source(secret_file=secret_file).find(None, "HS256")
    assert key.material == b" secret with spaces around, which count "


def test_source_must_be_named_exactly_once(tmp_path: Path) -> None:
    """None or two sources are a mistake that must not be settled by guessing."""
    with pytest.raises(ValueError, match="exactly one"):
        open_key_source()
    with pytest.raises(ValueError, match="exactly one"):
        open_key_source(secret_file=tmp_path / "secret", jwks_url="https://issuer.example/keys")


def test_unreadable_file_is_told(tmp_path: Path) -> None:
    """The error names the file and the problem."""
    with pytest.raises(ValueError, match=r"missing.*No such file"):
        open_key_source(secret_file=tmp_path / "missing")
