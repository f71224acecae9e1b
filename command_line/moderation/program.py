"""`parley mod`, put together."""

import typer

from command_line.moderation import appeals, audit, cases, decisions, disputes, erasure

application = typer.Typer(
    no_args_is_help=True,
    help="Moderate: cases, decisions, appeals, sanctions, disputes, the audit log.",
    epilog="Exit codes: 0 done; 1 refused, unreachable or broken; 2 asked wrongly; "
    "3 changed since it was seen. Begin with: parley mod cases --as NAME",
)
for part in (cases, decisions, appeals, disputes, audit, erasure):
    part.add_to(application)
