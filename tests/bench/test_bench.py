"""The program runs from beginning to end; what it measures on a busy machine says nothing."""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest

from bench.report.figures import Figure
from bench.report.saved import Saved, latest

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "--rounds 1 --seconds 0.3 --pairs 2 --window 4 --concurrency 2 --people 7 --rates 20 40 "
    "--sockets 5 --idle-seconds 0.3 --slow-sockets 2 --ban-sockets 2 --bystanders 2 "
    "--crowd-sockets 5 --crowd-rate 40 --grown-messages 10000 --storm-clients 5 "
    "--recovery-sockets 20 --flooded-pairs 1 --floods pings,handshakes"
)
# What each measures is tried every time by test_measurements; as commands most wait for the night.
NIGHTLY = (
    ("load", "postgresql", "CPU a message, node"),
    ("load --traced", "sqlite", "CPU a message, edge"),
    ("hops", "sqlite", "writer: COMMIT, to the disk"),
    ("deals", "sqlite", "command to its event in the conversation, p99"),
    ("ban", "sqlite", "ban: decision to 4403, last socket, p99"),
    ("crowd", "sqlite", "stored and told"),
    ("growth", "sqlite", "pages of history, one at a time"),
    ("storm", "postgresql", "all are back and told"),
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
    [pytest.param(*row, marks=pytest.mark.nightly) for row in NIGHTLY],
)
def test_a_measurement_gives_its_table(
    measurement: str, kind: str, row: str, tmp_path: Path
) -> None:
    """Real processes serve real sockets, every message arrives once, and nothing is left behind."""
    # PostgreSQL runs as another user, who must be able to reach its folder.
    folder = tmp_path if kind == "sqlite" else Path(tempfile.gettempdir())
    ended = bench(*measurement.split(), *SMALL.split(), "--database", kind, folder=folder)
    assert ended.returncode == 0, ended.stderr
    lines = [line.strip() for line in ended.stdout.splitlines()]
    title = "traced" if "--traced" in measurement else measurement
    assert any(line.startswith(f"{title}: ") for line in lines), ended.stdout
    assert any(line.startswith(row) for line in lines), ended.stdout
    assert lines[1].startswith(f"python -m bench {measurement} "), "it says what gave the figures"
    assert [*tmp_path.iterdir()] == []


def test_latency_over_load_is_told_and_drawn(tmp_path: Path) -> None:
    """Of the systems that are chosen, in a picture for each database."""
    work, plots = tmp_path / "work", tmp_path / "plots"
    work.mkdir()
    options = [*SMALL.split(), "--database", "sqlite", "--systems", "baseline"]
    ended = bench("offered", *options, "--plots", str(plots), folder=work)
    assert ended.returncode == 0, ended.stderr
    # On a busy machine it may keep up no further.
    assert "20/s: stored and told" in ended.stdout
    assert "parley" not in ended.stdout.partition("unit")[2]
    assert [path.name for path in plots.iterdir()] == ["latency-sqlite.png"]
    assert [*work.iterdir()] == []


def test_figures_are_saved_and_compared_with_those_of_the_last_release(tmp_path: Path) -> None:
    """By the ratio, where the same was measured; and what is not measured now stays saved."""
    figures, work = tmp_path / "figures", tmp_path / "work"
    figures.mkdir()
    work.mkdir()
    last = Saved("0.0.9", "a machine", {})
    rounds = {name: [[Figure("messages stored", "/s", 1.0)]] for name in ("parley", "baseline")}
    last.add("sqlite", "load", "load: 2 pairs, 4 messages in flight each", rounds)
    last.write(figures)
    options = [*SMALL.split(), "--database", "sqlite", "--figures", str(figures), "--save"]
    ended = bench("load", *options, folder=work)
    assert ended.returncode == 0, ended.stderr
    head, stored = (
        next(line for line in ended.stdout.splitlines() if line.strip().startswith(start))
        for start in ("unit", "messages stored")
    )
    assert head.endswith("since 0.0.9")
    now = latest(figures)
    assert now is not None
    assert now.version == version("parley")
    columns = now.figures["sqlite"]["load"]["columns"]
    ratio = columns["parley"]["messages stored [/s]"] / columns["baseline"]["messages stored [/s]"]
    assert stored.endswith(f"x {ratio:.2f}")


def test_an_unknown_measurement_is_refused(tmp_path: Path) -> None:
    """With the names of those that there are."""
    ended = bench("everything", folder=tmp_path)
    assert ended.returncode == 2
    assert "'load'" in ended.stderr
