"""The use of processes is read as the kernel tells it, also while children come and go."""

import os
import subprocess
import sys
import threading
import time

import pytest

from bench.systems.processes import memory_kib, most_memory_kib, used

BUSY = "import time\nwhile time.process_time() < 0.2: pass"


def test_the_time_of_children_counts_also_when_they_are_gone() -> None:
    """A child that has used a fifth of a second and ended belongs to its parent."""
    before = used(os.getpid()).cpu_seconds
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert used(os.getpid()).cpu_seconds - before >= 0.18


def test_changes_of_threads_are_counted() -> None:
    """Each wait is one."""
    before = used(os.getpid())
    for _ in range(20):
        time.sleep(0.001)
    assert used(os.getpid()).switches - before.switches >= 20


def test_children_that_end_while_they_are_counted_are_no_error() -> None:
    """PostgreSQL starts and ends processes as it likes."""
    end = threading.Event()

    def come_and_go() -> None:
        while not end.is_set():
            subprocess.run(["/bin/true"], check=True)

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        found = [used(os.getpid()).cpu_seconds for _ in range(300)]
    finally:
        end.set()
        other.join()
    assert found[-1] >= found[0] > 0


def test_a_process_that_is_gone_is_an_error() -> None:
    """It is not taken for one that does nothing."""
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    with pytest.raises(FileNotFoundError):
        used(gone.pid)


def test_most_memory_is_no_less_than_what_there_is() -> None:
    """Both are of this process, which has some megabytes."""
    now = memory_kib(os.getpid())
    assert now > 10_000
    # The kernel counts them at different moments.
    assert most_memory_kib(os.getpid()) >= now * 0.9
