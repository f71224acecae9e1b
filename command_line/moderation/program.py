"""The `parley mod` program, made of its commands."""

import typer

from command_line.moderation import appeals, audit, cases, decisions, disputes, erasure
from command_line.moderation.options import command


def _group(name: str, words: str) -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help=words)
    application.add_typer(group, name=name)
    return group


application = typer.Typer(
    no_args_is_help=True,
    help="Moderate: cases, appeals, sanctions, disputes, the audit log.",
    epilog="Exit codes: 0 done; 1 refused or failed; 2 wrong arguments; "
    "3 changed since the version that you have seen. Begin with: parley mod cases --as NAME",
)
command(application, "cases", cases.list_cases)
command(application, "show", cases.show)
command(application, "claim", cases.claim, writes=True)
command(application, "release", cases.release, writes=True)
command(application, "decide", decisions.decide, writes=True)
command(application, "appeals", appeals.list_appeals)
command(application, "sanctions", appeals.list_sanctions)
command(application, "lift", appeals.lift, writes=True)
command(application, "disputes", disputes.list_disputes)
command(application, "erase", erasure.erase)
_appeal = _group("appeal", "Look at an appeal, or decide it.")
command(_appeal, "show", appeals.show)
command(_appeal, "decide", appeals.decide, writes=True)
_dispute = _group("dispute", "Look at a dispute, or decide it.")
command(_dispute, "show", disputes.show)
command(_dispute, "decide", disputes.decide, writes=True)
_audit = _group("audit", "List the audit log, or verify it.")
command(_audit, "list", audit.list_entries)
command(_audit, "verify", audit.verify_log)
