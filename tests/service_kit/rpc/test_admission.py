"""Admission of calls by the table of callers, over gRPC."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from service_kit.authentication.callers import CALLER_NOT_PERMITTED, Caller
from service_kit.authentication.credentials import accepted_line, present
from tests.support.callers import metadata_of, secret_of, write_accepted
from tests.support.serving import check_refused
from tests.support.tally.running import RunningTally, run_tally
from tests.support.tally.service import SERVICE, TallySettings, messages
from tests.support.waiting import PATIENCE

UNAUTHENTICATED = (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, CALLER_NOT_PERMITTED)


@pytest.fixture
def kind() -> str:
    """The database plays no part in this."""
    return "sqlite"


@pytest.fixture
def settings(new_settings: Callable[[], TallySettings], tmp_path: Path) -> TallySettings:
    """Settings with a file of digests of the test's own, looked at for each call."""
    changes = {
        "credentials_file": write_accepted(tmp_path / "own"),
        "credentials_refresh_seconds": 1e-9,
    }
    return new_settings().model_copy(update=changes)


def accept(settings: TallySettings, *credentials: tuple[Caller, str]) -> None:
    """Accept these credentials alone from now on."""
    file = settings.credentials_file
    assert file is not None
    before = file.stat().st_mtime_ns
    file.write_text("".join(f"{accepted_line(*one)}\n" for one in credentials))
    os.utime(file, ns=(before + 10**9, before + 10**9))


def add(tally: RunningTally, metadata: Any) -> Any:
    request = messages.AddRequest(name="apples", amount=1)
    return tally.stub.Add(request, metadata=metadata, timeout=PATIENCE)


@pytest.mark.parametrize("caller", Caller)
async def test_a_caller_may_do_what_its_row_says(tally: RunningTally, caller: Caller) -> None:
    """And is told that it may not, not that it is unknown."""
    call = add(tally, metadata_of(caller))
    if caller in SERVICE.callers["Add"]:
        await call
    else:
        await check_refused(call, "tally.parley", *DENIED)


@pytest.mark.parametrize(
    "path", ["/parley.tally.v1.TallyService/Destroy", "/other.Service/Add", "/"]
)
async def test_a_method_without_a_row_is_nobodys(tally: RunningTally, path: str) -> None:
    """Whether it exists or not is not told."""
    made_up = tally.channel.unary_unary(
        path, request_serializer=Empty.SerializeToString, response_deserializer=Empty.FromString
    )
    for caller in Caller:
        call = made_up(Empty(), metadata=metadata_of(caller), timeout=PATIENCE)
        await check_refused(call, "tally.parley", *DENIED)
    await check_refused(made_up(Empty(), timeout=PATIENCE), "tally.parley", *UNAUTHENTICATED)


async def test_a_credential_is_replaced_while_everything_serves(settings: TallySettings) -> None:
    """Two are good at a time; an open stream of the old one ends when that is withdrawn."""
    old, new = secret_of(Caller.EDGE), "n" * 43
    async with run_tally(settings) as tally:
        request = messages.WatchRequest(watcher_name="test")
        stream = tally.stub.Watch(request, metadata=present(old))
        await stream.read()
        accept(settings, (Caller.EDGE, old), (Caller.EDGE, new))
        await add(tally, present(old))
        await add(tally, present(new))
        assert (await stream.read()).position.revision >= 0
        accept(settings, (Caller.EDGE, new))
        await check_refused(add(tally, present(old)), "tally.parley", *UNAUTHENTICATED)
        await add(tally, present(new))

        async def read_on() -> None:
            while await stream.read():
                pass

        async with asyncio.timeout(PATIENCE):
            await check_refused(read_on(), "tally.parley", *UNAUTHENTICATED)


async def test_the_refusal_of_a_known_caller_is_logged_once(
    tally: RunningTally, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a mistake of an operator, and may come a thousand times a second."""
    for _ in range(3):
        await check_refused(add(tally, metadata_of(Caller.BACKEND)), "tally.parley", *DENIED)
    said = [line for line in capsys.readouterr().out.splitlines() if "may not do this" in line]
    assert len(said) == 1
    assert "backend" in said[0]
    assert secret_of(Caller.BACKEND) not in said[0]
