"""The machine: room on its disks, and files that may be open."""

import os
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from command_line.doctor.checks.files import databases
from command_line.doctor.deployment import Deployment, variable
from command_line.doctor.findings import Finding, Findings, in_thread
from command_line.doctor.kinds import Kind

MEBIBYTE = 1024 * 1024
FULL_BYTES = 100 * MEBIBYTE
LOW_BYTES = 1024 * MEBIBYTE
# Below this share of the file entries of a disk.
LOW_ENTRIES = 0.01
# Beside those of its sockets, as the edge counts.
OTHER_FILES = 100


@dataclass(frozen=True)
class Disk:
    """The room of the disk on which a folder is. File systems without entries have 0 of 0."""

    folder: Path
    free_bytes: int
    free_entries: int
    entries: int


async def check_machine(deployment: Deployment, low_bytes: int) -> Findings:
    """Look at the disks of what is here, and at the limits of the processes."""
    folders = {path.resolve().parent for path in databases(deployment)}
    if deployment.folder is not None:
        folders.add(deployment.folder.path)
    folders.add(Path(tempfile.gettempdir()))
    devices = set()
    for folder in sorted(folders):
        if not folder.is_dir() or (device := folder.stat().st_dev) in devices:
            continue
        devices.add(device)
        for finding in of_disk(await in_thread(look_at_disk, folder), low_bytes):
            yield finding
    for finding in of_open_files(deployment):
        yield finding


def look_at_disk(folder: Path) -> Disk:
    """The room that whoever is not root has there."""
    status = os.statvfs(folder)
    return Disk(folder, status.f_bavail * status.f_frsize, status.f_favail, status.f_files)


def of_disk(disk: Disk, low_bytes: int = LOW_BYTES) -> Iterator[Finding]:
    """Too little room, or too few entries, for what will be written."""
    folder = quote(str(disk.folder))
    seen = f"{disk.free_bytes // MEBIBYTE} MiB are free"
    cure = (
        f"df -h {folder}",
        f"du -xh -d 1 {folder} | sort -h",
        "# remove what is not needed, or give the disk more room",
    )
    if disk.free_bytes < min(FULL_BYTES, low_bytes):
        yield Finding(Kind.DISK_FULL, str(disk.folder), seen, cure)
    elif disk.free_bytes < low_bytes:
        yield Finding(Kind.DISK_LOW, str(disk.folder), seen, cure)
    if disk.entries and disk.free_entries < disk.entries * LOW_ENTRIES:
        yield Finding(
            Kind.DISK_LOW,
            str(disk.folder),
            f"{disk.free_entries} of {disk.entries} file entries are free",
            (f"df -i {folder}", "# remove files that are not needed"),
        )


def of_open_files(deployment: Deployment) -> Iterator[Finding]:
    """The limit of the edge that runs, or of this process where it runs elsewhere."""
    edge = deployment.parts.get("edge")
    if edge is None or edge.settings is None:
        return
    process = None if deployment.served is None else deployment.served.processes.get("edge")
    found = None if process is None else _limit_of(process)
    whose = "it" if found is not None else "a process that is started from here"
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if found is None else found
    yield from judge_open_files(deployment, most, edge.settings.sockets_per_edge, whose)


def judge_open_files(
    deployment: Deployment, most: int, sockets: int, whose: str
) -> Iterator[Finding]:
    """Whether so many files are enough for so many sockets."""
    name = variable("edge", "sockets_per_edge")
    # With the edge's own files the two limits are reached at the same time, and it says so itself.
    if most == resource.RLIM_INFINITY or most >= sockets:
        return
    yield Finding(
        Kind.FILES_FEW,
        "edge",
        f"{whose} may open {most} files, and {name} is {sockets}",
        (
            f"ulimit -Hn {sockets + OTHER_FILES}",
            deployment.setting(name, max(1, most - OTHER_FILES)),
        ),
    )


def _limit_of(process: int) -> int | None:
    """The hard limit of open files of another process, where the system tells it."""
    try:
        lines = Path(f"/proc/{process}/limits").read_text("ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("Max open files"):
            hard = line.split()[-2]
            return resource.RLIM_INFINITY if hard == "unlimited" else int(hard)
    return None
