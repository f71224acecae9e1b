"""A trial of several processes of each part: people talk, faults come, and all is compared."""

import asyncio
import io
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from tests.crash.findings import Violation
from tests.crash.replicas.cluster import REPLICAS, Cluster
from tests.crash.replicas.faults import Fault, Faults
from tests.crash.replicas.latency import Alerts
from tests.crash.replicas.line import line_to
from tests.crash.replicas.presence import check_gone, check_online
from tests.crash.trial import Outcome, Plan, Progress, run_trial
from tests.support.killer import Strike
from tests.support.nats import Nats
from tests.support.postgresql import Postgresql
from tests.support.system import SERVICES

ROOT = Path(__file__).resolve().parents[3]
# By what services hear one another's commits; `mixed` has both engines in one trial.
BUSES: Mapping[str, Mapping[str, str]] = {
    "postgresql": dict.fromkeys(SERVICES, "postgresql"),
    "nats": dict.fromkeys(SERVICES, "nats"),
    "mixed": {"moderation": "nats", "negotiation": "postgresql", "messaging": "nats"},
}
# An earlier version has to know of others beside it.
_KNOWS_OTHERS = "service_kit/bus/bus.py"


@dataclass
class ReplicasOutcome:
    """What came of a trial, besides what comes of any."""

    outcome: Outcome
    alerts: Alerts
    old: str
    # By kind and what it struck.
    faults: Counter[tuple[Fault, str]] = field(default_factory=Counter)
    deliveries: int = 0
    started_again: int = 0

    def summary(self) -> str:
        told = ", ".join(
            f"{what} {kind} {count}" for (kind, what), count in sorted(self.faults.items())
        )
        return (
            f"{self.outcome.summary()}\n"
            f"{REPLICAS} processes of each service, 2 edges, "
            f"{f'of each one of {self.old}' if self.old else 'all of one version'}; "
            f"{self.deliveries} deliveries by NATS; {self.started_again} starts found none\n"
            f"faults: {told or 'none'}\n"
            f"{self.alerts.summary()}"
        )


def earlier_version(folder: Path) -> tuple[str, Path] | None:
    """Put the sources of an earlier version into a folder: from before the latest change of a
    contract or a table, or else of the commit before. None where no history has one that fits.
    """
    changed = _git("log", "-1", "--format=%H", "--", "protos/*.proto", "*/migrations/versions/*.py")
    for found in (f"{changed}~1" if changed else "", "HEAD~1"):
        commit = _git("rev-parse", "--verify", "--quiet", f"{found}^{{commit}}") if found else ""
        if commit and _git("ls-tree", commit, "--", _KNOWS_OTHERS):
            sources = folder / "earlier"
            packed = subprocess.run(
                ["git", "archive", "--format=tar", commit],
                cwd=ROOT,
                capture_output=True,
                check=True,
            )
            with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
                archive.extractall(sources, filter="data")
            return commit[:10], sources
    return None


def _git(*arguments: str) -> str:
    """What git says; nothing where it has nothing to say, or is not there."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@contextmanager
def databases(server: Postgresql) -> Iterator[dict[str, str]]:
    """An empty database for each service."""
    with ExitStack() as stack:
        yield {name: server.url(stack.enter_context(server.database())) for name in SERVICES}


async def run_replicas_trial(
    folder: Path,
    server: Postgresql,
    plan: Plan,
    bus: str = "mixed",
    report: Callable[[Progress, Fault, str], None] = lambda progress, fault, what: None,
    *,
    mixed_versions: bool = True,
) -> ReplicasOutcome:
    """Start everything on databases of `server`, which is restarted too; talk, strike and check."""
    alerts, random = Alerts(), Random(plan.seed)
    old = await asyncio.to_thread(earlier_version, folder) if mixed_versions else None
    async with AsyncExitStack() as stack:
        addresses = stack.enter_context(databases(server))
        nats = line = None
        if "nats" in BUSES[bus].values():
            nats = Nats()
            stack.callback(nats.stop)
            line = stack.enter_context(line_to(nats.port))
        buses: dict[str, dict[str, object]] = {}
        for name, kind in BUSES[bus].items():
            buses[name] = {"bus": kind}
            if name == "messaging":
                # In time for the end of the trial.
                buses[name]["presence_absence_seconds"] = 4
            if kind == "nats" and line is not None:
                buses[name]["bus_url"] = f"nats://127.0.0.1:{line.port}"
        cluster = stack.enter_context(Cluster(folder, addresses, buses, old[1] if old else None))
        faults = Faults(
            cluster,
            server,
            random,
            nats,
            line,
            lambda began, ended: alerts.faults.append((began, ended)),
        )

        presence: list[Violation] = []

        async def disturb(_traffic: asyncio.Event, struck: Callable[[Strike], None]) -> None:
            await faults.run(plan.kills, struck)
            users = [f"talker{number}" for number in range(plan.talkers)]
            presence.extend(await check_online(addresses["messaging"], users))

        outcome = await run_trial(
            cluster,
            plan,
            lambda progress: report(progress, *faults.done[-1]),
            disturb,
            alerts.recorder,
        )
        # By now everybody has left.
        presence += await check_gone(addresses["messaging"])
    outcome = replace(outcome, violations=[*outcome.violations, *presence])
    return ReplicasOutcome(
        outcome,
        alerts,
        old[0] if old else "",
        Counter(faults.done),
        line.deliveries if line else 0,
        faults.started_again,
    )
