"""The report of an examination: lines for people, or JSON for programs."""

import json
from collections.abc import Iterator, Sequence

from command_line.display.printable import printable
from command_line.doctor.deployment import Deployment
from command_line.doctor.examination import Outcome
from command_line.doctor.kinds import Severity


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when nothing was found, 1 for warnings alone, 2 when something is wrong."""
    found = {finding.severity for outcome in outcomes for finding in outcome.findings}
    return 2 if Severity.ERROR in found else 1 if found else 0


def as_json(deployment: Deployment, outcomes: Sequence[Outcome]) -> str:
    """The report as one JSON object."""
    return json.dumps(
        {
            "examined": deployment.title,
            "parts": list(deployment.parts),
            "running": deployment.running,
            "exit_code": exit_code(outcomes),
            "findings": [
                {
                    "name": str(finding.kind),
                    "severity": str(finding.severity),
                    "check": outcome.check.name,
                    "about": finding.about,
                    "seen": finding.seen,
                    "means": finding.kind.meaning,
                    "cure": list(finding.cure),
                }
                for outcome in outcomes
                for finding in outcome.findings
            ],
            "checks": [
                {"name": outcome.check.name, "seconds": round(outcome.seconds, 3)}
                for outcome in outcomes
            ],
        },
        indent=2,
    )


def as_lines(deployment: Deployment, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The report for people: each check, and below it what it found."""
    yield f"{deployment.title}: {', '.join(deployment.parts) or 'no part'}"
    counted = dict.fromkeys(Severity, 0)
    for outcome in outcomes:
        if not outcome.findings:
            yield f"  ok       {outcome.check.name}"
        for finding in outcome.findings:
            counted[finding.severity] += 1
            yield f"  {finding.severity:<8} {finding.kind}: {printable(finding.about)}"
            yield f"           {printable(finding.seen)}"
            yield f"           {finding.kind.meaning}"
            for number, command in enumerate(finding.cure):
                yield f"           {'' if number else 'cure:':<5} {printable(command)}"
    seconds = max((outcome.seconds for outcome in outcomes), default=0.0)
    errors, warnings = counted[Severity.ERROR], counted[Severity.WARNING]
    if not errors and not warnings:
        yield f"all is well: {len(outcomes)} checks in {seconds:.1f} s"
    else:
        yield (
            f"{errors} {'error' if errors == 1 else 'errors'},"
            f" {warnings} {'warning' if warnings == 1 else 'warnings'}"
            f" in {len(outcomes)} checks, {seconds:.1f} s"
        )
