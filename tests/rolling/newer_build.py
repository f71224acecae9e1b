"""A newer build of Parley: its sources copied, and changed as a later release might change them.

Its contracts have a field more in every message, which its edges send and its services give with
every event; its HELLO to clients has one more, too; and each of its databases has a migration more,
which only adds. Whoever is older has to live with all of that, and it with those who are older.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

from alembic.script import ScriptDirectory
from google.rpc import status_pb2

from tests.support.images import ROOT
from tests.support.waiting import PATIENCE

NEWER_FIELD = 1999
"""The number of the field that every message of its contracts has more."""

MIGRATION = "newer"
"""The last migration of each of its databases."""

# A service, and a table of it to which the migration adds a column.
_TABLES = {"messaging": "messages", "negotiation": "services", "moderation": "cases"}
_PACKAGES = ("desk", "edge", "service_kit", *(f"{name}_service" for name in _TABLES))


def build(folder: Path) -> Mapping[str, str]:
    """Make it below a folder; gives the environment in which `python -m` runs it."""
    ignored = shutil.ignore_patterns("__pycache__", "Dockerfile")
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copytree(ROOT / "protos" / "parley", folder / "protos" / "parley", ignore=ignored)
    shutil.copytree(
        ROOT / "sdk" / "python" / "parley_protocol", folder / "parley_protocol", ignore=ignored
    )
    (folder / "docs").mkdir()
    for path in (ROOT / "docs").glob("*.*"):
        if path.suffix in {".html", ".json"}:
            shutil.copy(path, folder / "docs")
    _add_fields(folder / "protos")
    _use_fields(folder)
    for service, table in _TABLES.items():
        _add_migration(folder / f"{service}_service" / "migrations", table)
    return {
        # Before what is installed, and before this checkout.
        "PYTHONPATH": f"{folder}:{folder / 'protos'}",
        "PYTHONSAFEPATH": "1",
    }


def _edit(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text("utf-8")
    changed = change(text)
    if changed == text:
        raise AssertionError(f"{path} is not as it was: nothing to change was found")
    path.write_text(changed, "utf-8")


def _add_fields(protos: Path) -> None:
    """Give every message a field more, and generate the code."""
    sources = sorted(protos.rglob("parley/**/*.proto"))
    field = rf"\g<0>\n  string newer = {NEWER_FIELD};"
    for path in sources:
        _edit(path, lambda text: re.sub(r"^\s*message \w+ \{", field, text, flags=re.MULTILINE))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--proto_path={protos}",
            f"--proto_path={Path(status_pb2.__file__).parents[2]}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--python_out={protos}",
            f"--grpc_python_out={protos}",
            *(str(path.relative_to(protos)) for path in sources),
        ],
        check=True,
        timeout=PATIENCE,
    )


def _use_fields(folder: Path) -> None:
    """Have services set the field in events, and edges in what they ask in people's names."""
    for path in (
        "messaging_service/api/translation.py",
        "negotiation_service/api/translation.py",
        "moderation_service/api/event_translation.py",
    ):
        _edit(
            folder / path,
            lambda text: re.sub(r"\bpb\.Event\((?!\))", 'pb.Event(newer="x", ', text),
        )
    _edit(
        folder / "edge/translation/common.py",
        lambda text: text.replace('{"actor": actor', '{"newer": "x", "actor": actor'),
    )
    _edit(
        folder / "parley_protocol/payloads/connection.py",
        lambda text: re.sub(
            r"(class Hello\(.*?\n)\n\n(?=class )",
            r'\1    newer: str = "x"\n\n\n',
            text,
            flags=re.DOTALL,
        ),
    )


def _add_migration(migrations: Path, table: str) -> None:
    """Add a migration that adds a table, and a column to another."""
    script = ScriptDirectory(str(migrations))
    (migrations / "versions" / "v9999_newer.py").write_text(
        f'''"""What a later release adds."""

import sqlalchemy as sa
from alembic import op

revision = "{MIGRATION}"
down_revision = "{script.get_current_head()}"
expands = True


def upgrade() -> None:
    """Add a table and a column, which programs of before do not see."""
    op.create_table("newer", sa.Column("id", sa.Text, primary_key=True))
    op.add_column("{table}", sa.Column("newer", sa.Text))
''',
        "utf-8",
    )
