"""Steps of an edge's process before it serves."""

import resource
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import edge.__main__ as main
from edge.settings import Settings


@pytest.mark.parametrize(
    ("most", "warned"), [(1_000, True), (50_000, False), (resource.RLIM_INFINITY, False)]
)
def test_as_many_files_as_the_system_permits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, most: int, *, warned: bool
) -> None:
    """Each socket is one; that there are too few is said at the start, not to refused people."""
    permitted = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (100, most))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, both: permitted.append(both))
    with capture_logs() as logged:
        main._permit_connections(Settings(credential_file=tmp_path / "service.key"))
    assert permitted == [(most, most)]
    assert [one["log_level"] for one in logged] == ["warning"] * warned
