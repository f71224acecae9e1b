"""Versions: Python, SQLite, and the contracts with the protobuf that is installed."""

import sqlite3
import sys
from collections.abc import Iterator
from importlib import import_module

from prometheus_client.parser import text_string_to_metric_families

from command_line.doctor.deployment import Deployment
from command_line.doctor.findings import Finding, Findings
from command_line.doctor.kinds import Kind
from command_line.serve.parts import SERVICES
from service_kit.version import VERSION

LEAST_PYTHON = (3, 11)
# With RETURNING.
LEAST_SQLITE = (3, 35, 0)


async def check_versions(deployment: Deployment) -> Findings:
    """Look at what this program runs on."""
    for finding in of_python(sys.version_info[:3]):
        yield finding
    if any(part.settings.database_url.startswith("sqlite") for part in deployment.services):
        for finding in of_sqlite(sqlite3.sqlite_version_info):
            yield finding
    for service in SERVICES:
        for finding in of_contract(f"parley.{service}.v1.{service}_pb2"):
            yield finding


def of_python(version: tuple[int, ...]) -> Iterator[Finding]:
    """The version of the interpreter."""
    if version < LEAST_PYTHON:
        yield Finding(
            Kind.PYTHON_UNSUPPORTED,
            sys.executable,
            f"this is Python {'.'.join(map(str, version))}",
            ("python3.11 -m venv .venv", "make setup"),
        )


def of_sqlite(version: tuple[int, ...]) -> Iterator[Finding]:
    """The version of SQLite that Python was built with."""
    if version < LEAST_SQLITE:
        yield Finding(
            Kind.DATABASE_UNSUPPORTED,
            sys.executable,
            f"its SQLite is {'.'.join(map(str, version))}, and 3.35 is the least",
            ("# install a Python that was built with a newer SQLite", "make setup"),
        )


def version_in(metrics: str) -> str:
    """The version that a part shows among its metrics; empty of one that shows none."""
    for family in text_string_to_metric_families(metrics):
        if family.name == "parley_build_info":
            return str(family.samples[0].labels.get("version", ""))
    return ""


def of_version(whose: str, version: str) -> Iterator[Finding]:
    """A part of another version than this program."""
    if version and version != VERSION:
        yield Finding(
            Kind.VERSIONS_DIFFER,
            whose,
            f"it is of version {version}, and this program of {VERSION}",
            ("git pull && make setup", "docker compose build --pull && docker compose up -d"),
        )


def of_contract(module: str) -> Iterator[Finding]:
    """A generated contract, which an older protobuf refuses to load."""
    try:
        import_module(module)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from loading is the finding
        yield Finding(
            Kind.CONTRACTS_UNUSABLE,
            module,
            f"{type(error).__name__}: {error}",
            ("pip install --require-hashes -r requirements/runtime.txt", "make protos"),
        )
