"""The `parley mod` program, made of its commands."""

import typer

from command_line.moderation import appeals, audit, cases, decisions, disputes, erasure

application = typer.Typer(
    no_args_is_help=True,
    help="Moderate: cases, appeals, sanctions, disputes, the audit log.",
    epilog="Exit codes: 0 done; 1 refused or failed; 2 wrong arguments; "
    "3 changed since the version that you have seen. Begin with: parley mod cases --as NAME",
)
for part in (cases, decisions, appeals, disputes, audit, erasure):
    part.add_to(application)
