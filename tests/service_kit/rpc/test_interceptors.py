"""Credentials that a service accepts, and a service without any."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from service_kit.rpc.instruments import CallInstruments
from service_kit.rpc.interceptors import CredentialInterceptor, read_credentials


def test_each_line_of_the_file_is_a_credential(tmp_path: Path) -> None:
    """Empty lines and spaces around a secret do not count."""
    file = tmp_path / "key"
    file.write_text("\n one \ntwo\n\n")
    assert read_credentials(file) == ("one", "two")


@pytest.mark.parametrize("content", ["", "\n \n", None])
def test_without_a_credential_nothing_starts(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ValueError, match="credential"):
        read_credentials(file)
    with pytest.raises(ValueError, match="credential"):
        CredentialInterceptor((), "domain", CallInstruments(CollectorRegistry()))
