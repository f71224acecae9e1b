"""The program runs from beginning to end; what it measures on a busy machine says nothing."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "--rounds 1 --seconds 0.3 --pairs 2 --window 4 --concurrency 2 "
    "--sockets 5 --idle-seconds 0.3 --slow-sockets 2 --ban-sockets 2 --bystanders 2 "
    "--recovery-sockets 20 --flooded-pairs 1 --floods pings,handshakes"
)
# One of each kind, and both databases, are tried every time; the rest is left to the night.
NIGHTLY = (
    ("recovery", "sqlite", "20 sockets, 20 missed messages"),
    ("alone", "sqlite", "send to stored, p50"),
    ("logins", "sqlite", "logins"),
    ("idle", "sqlite", "memory a socket, edge"),
    ("slow", "sqlite", "closed as too slow (4101)"),
    ("deals", "postgresql", "CPU a command, postgresql"),
    ("floods", "sqlite", "p99 with it : without it"),
    ("ban", "postgresql", "mute: decision to SANCTION, each socket, p50"),
)


def bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.parametrize(
    ("measurement", "kind", "row"),
    [
        ("load", "sqlite", "messages stored"),
        ("load", "postgresql", "CPU a message, postgresql"),
        ("hops", "sqlite", "writer: COMMIT, to the disk"),
        ("deals", "sqlite", "command to its event in the conversation, p99"),
        ("ban", "sqlite", "ban: decision to 4403, last socket, p99"),
        *(pytest.param(*row, marks=pytest.mark.nightly) for row in NIGHTLY),
    ],
)
def test_a_measurement_gives_its_table(
    measurement: str, kind: str, row: str, tmp_path: Path
) -> None:
    """Real processes serve real sockets, every message arrives once, and nothing is left behind."""
    # PostgreSQL runs as another user, who must be able to reach its folder.
    folder = tmp_path if kind == "sqlite" else Path(tempfile.gettempdir())
    ended = bench(measurement, *SMALL.split(), "--database", kind, folder=folder)
    assert ended.returncode == 0, ended.stderr
    lines = [line.strip() for line in ended.stdout.splitlines()]
    assert any(line.startswith(f"{measurement}: ") for line in lines), ended.stdout
    assert any(line.startswith(row) for line in lines), ended.stdout
    assert lines[1].startswith(f"python -m bench {measurement} "), "it says what gave the figures"
    assert [*tmp_path.iterdir()] == []


def test_an_unknown_measurement_is_refused(tmp_path: Path) -> None:
    """With the names of those that there are."""
    ended = bench("everything", folder=tmp_path)
    assert ended.returncode == 2
    assert "'load'" in ended.stderr
