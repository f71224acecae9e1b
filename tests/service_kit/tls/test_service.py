"""A service with TLS and its callers, over real connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from command_line.certificates.authority import Authority, make_authority
from service_kit.authentication.callers import CALLER_NOT_PERMITTED, Caller
from service_kit.authentication.credentials import Metadata
from service_kit.channels.connections import Connections, connections
from service_kit.rpc.server import probe_health
from service_kit.service import running
from service_kit.tls.diagnosis import Shown, problem_of_connection
from service_kit.tls.own_files import open_files
from service_kit.tls.server import probe_channel
from service_kit.tls.settings import CallerTlsSettings
from tests.support.callers import metadata_of
from tests.support.certificates import DOMAIN, Certificates
from tests.support.serving import check_refused
from tests.support.tally.service import SERVICE, TallySettings, messages, methods
from tests.support.waiting import PATIENCE, until

UNAUTHENTICATED = (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, CALLER_NOT_PERMITTED)
EDGE = metadata_of(Caller.EDGE)
Settings = Callable[..., TallySettings]


@pytest.fixture
def settings(new_settings: Callable[[], TallySettings], certificates: Certificates) -> Settings:
    """Makes the settings of a tally with TLS; files are looked at for each connection."""
    made = new_settings()

    def make(known_by: str = "both", **changes: Any) -> TallySettings:
        given = certificates.serving("messaging", known_by)
        if known_by == "certificate":
            given["credentials_file"] = None
        given["credentials_refresh_seconds"] = 1e-9
        # Checked anew as a whole.
        return TallySettings(**(made.model_dump(exclude_unset=True) | given | changes))

    return make


class Called:
    """A client of a tally, as the settings of a part have it."""

    def __init__(self, own: CallerTlsSettings, target: str) -> None:
        self.registry = CollectorRegistry()
        self.connections: Connections = connections(own, open_files(own, self.registry, 1e-9))
        self.target = target
        self.channel = self.connections.open("tally", target, [])
        self.stub: Any = methods.TallyServiceStub(self.channel)

    async def add(self, metadata: Metadata = EDGE, amount: int = 1) -> int:
        request = messages.AddRequest(name="apples", amount=amount)
        answer = await self.stub.Add(request, metadata=metadata, timeout=PATIENCE)
        return int(answer.tally.sum)


@asynccontextmanager
async def calling(own: CallerTlsSettings, port: int) -> AsyncIterator[Called]:
    called = Called(own, f"127.0.0.1:{port}")
    async with called.channel:
        yield called


def own_settings(**given: Any) -> CallerTlsSettings:
    return CallerTlsSettings(**given)


def as_part(certificates: Certificates, name: str) -> CallerTlsSettings:
    return own_settings(**certificates.calling(name))


@pytest.mark.parametrize("known_by", ["credential", "certificate", "both"])
async def test_callers_are_known_by_what_the_setting_says(
    settings: Settings, certificates: Certificates, known_by: str
) -> None:
    """Each is let do what its row says, and is told when it is somebody else."""
    both, certificate = known_by == "both", known_by == "certificate"
    async with running(SERVICE, settings(known_by)) as port:
        async with calling(as_part(certificates, "edge"), port) as edge:
            assert await edge.add() == 1
            if certificate:
                assert await edge.add(()) == 2
            else:
                await check_refused(edge.add(()), "tally.parley", *UNAUTHENTICATED)
            # A credential of somebody else than the certificate.
            call = edge.add(metadata_of(Caller.BACKEND))
            if both:
                details = await check_refused(call, "tally.parley", *UNAUTHENTICATED)
                assert details
            elif certificate:
                assert await call == 3
            else:
                await check_refused(call, "tally.parley", *DENIED)
        async with calling(as_part(certificates, "backend"), port) as backend:
            call = backend.add(metadata_of(Caller.BACKEND))
            await check_refused(call, "tally.parley", *DENIED)


async def test_a_stream_is_admitted_too(settings: Settings, certificates: Certificates) -> None:
    """And the service itself finds its health over TLS."""
    own = settings()
    async with running(SERVICE, own) as port:
        async with calling(as_part(certificates, "edge"), port) as edge:
            stream = edge.stub.Watch(messages.WatchRequest(watcher_name="test"), metadata=EDGE)
            first = await stream.read()
            request = messages.UpdateWatchRequest(watcher_id=first.watcher_id, add_users=["apples"])
            await edge.stub.UpdateWatch(request, metadata=EDGE)
            await edge.add()
            response = first
            while not response.events:
                response = await stream.read()
            stream.cancel()
        async with calling(as_part(certificates, "desk"), port) as desk:
            stream = desk.stub.Watch(messages.WatchRequest(), metadata=metadata_of(Caller.DESK))
            await check_refused(stream.read(), "tally.parley", *DENIED)
        target = f"127.0.0.1:{port}"
        files = open_files(own, CollectorRegistry(), 1)
        assert await probe_health(target, channel=probe_channel(own, files, target))
        assert not await probe_health(target)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("spiffe://other.org/parley/edge", "is of spiffe://other.org/parley/edge, who may not"),
        (f"spiffe://{DOMAIN}/parley/janitor", "who may not call here"),
    ],
)
async def test_a_stranger_is_told_and_counted(
    settings: Settings, certificates: Certificates, capsys: pytest.CaptureFixture[str],
    uri: str, words: str,
) -> None:  # fmt: skip
    """Of the right authority, and of no caller. The log has it once."""
    pair = certificates.authority.sign(uri, (), 1, serves=False)
    own = own_settings(**certificates.write("stranger", pair), tls_ca_file=certificates.ca)
    async with running(SERVICE, settings("certificate")) as port, calling(own, port) as stranger:
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError, match=words):
                await stranger.add(())
        said = [line for line in capsys.readouterr().out.splitlines() if "is not known" in line]
    assert len(said) == 1
    assert uri in said[0]


async def test_a_connection_does_not_outlive_its_certificate(
    settings: Settings, certificates: Certificates
) -> None:
    """An open stream ends, and calls are refused, when it expires; the connection is the same."""
    uri = f"spiffe://{DOMAIN}/parley/edge"
    day = timedelta(days=1)
    soon = datetime.now(UTC) - day + timedelta(seconds=4)
    pair = certificates.authority.sign(uri, (), 1, serves=False, now=soon)
    own = own_settings(**certificates.write("brief", pair), tls_ca_file=certificates.ca)
    async with running(SERVICE, settings("certificate")) as port, calling(own, port) as edge:
        stream = edge.stub.Watch(messages.WatchRequest(watcher_name="test"))

        async def read_on() -> None:
            while await stream.read() is not grpc.aio.EOF:
                pass

        async with asyncio.timeout(PATIENCE):
            with pytest.raises(grpc.aio.AioRpcError, match="has expired since it connected"):
                await read_on()
            with pytest.raises(grpc.aio.AioRpcError, match="has expired since it connected"):
                await edge.add(())


async def test_everything_is_replaced_while_calls_go_on(
    settings: Settings, certificates: Certificates
) -> None:
    """Another certificate, and another authority step by step: no call fails, and a stream moves
    when it may, as if the service had ended it.
    """
    own = settings("certificate")
    async with running(SERVICE, own) as port, calling(as_part(certificates, "edge"), port) as edge:
        request = messages.WatchRequest(watcher_name="test")
        stream = edge.stub.Watch(request)
        await stream.read()
        shown = certificates.shown_by(port)
        ended = 0
        for step in ("replace_authority", "renew", "forget_authority"):
            certificates.make(**{step: True})
            for _ in range(3):
                await edge.add(())
            while await stream.read() is not grpc.aio.EOF:
                pass
            ended += 1
            stream = edge.stub.Watch(request)
            await stream.read()
        stream.cancel()
        assert ended == 3
        assert certificates.shown_by(port) != shown
        # The old authority is believed by nobody any more.
        assert await edge.add((), 0 + 1) == 10


async def test_bad_files_change_nothing(
    settings: Settings, certificates: Certificates, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was read before stays in use, is told once, and counted; good ones are taken again."""
    async with running(SERVICE, settings("certificate")) as port:
        async with calling(as_part(certificates, "edge"), port) as edge:
            for name in ("edge_key", "messaging_certificate", "ca_certificate"):
                certificates.file(name).write_text("rubbish")
            for _ in range(3):
                await edge.add(())

            def measured(name: str, file: str) -> float:
                return edge.registry.get_sample_value(name, {"file": file}) or 0.0

            assert measured("certificate_reload_failures_total", "certificate") == 1
            assert measured("certificate_reload_failures_total", "ca") == 1
            assert measured("certificate_not_after_seconds", "certificate") > 1.7e9
        assert capsys.readouterr().out.count("holds no private key in PEM") == 1
        certificates.file("ca_key").unlink()
        certificates.file("ca_certificate").unlink()
        for name in ("edge", "messaging"):
            for part in ("key", "certificate"):
                certificates.file(f"{name}_{part}").unlink()
        certificates.make()
        async with calling(as_part(certificates, "edge"), port) as edge:
            await edge.add(())


Spoil = Callable[[Certificates], CallerTlsSettings]


def _other_authority(certificates: Certificates) -> CallerTlsSettings:
    (certificates.folder / "other").write_bytes(make_authority(DOMAIN, 1).certificate)
    own = certificates.calling("edge")
    return own_settings(**{**own, "tls_ca_file": certificates.folder / "other"})


def _other_client(certificates: Certificates) -> CallerTlsSettings:
    pair = Authority(*make_authority(DOMAIN, 10)).sign(
        f"spiffe://{DOMAIN}/parley/edge", (), 1, serves=False
    )
    return own_settings(**certificates.write("other", pair), tls_ca_file=certificates.ca)


def _other_name(certificates: Certificates) -> CallerTlsSettings:
    class Named(CallerTlsSettings):
        tally_target: str = "x"

    return Named(**certificates.calling("edge"), tls_target_names=("tally=elsewhere.example",))


CALLERS: dict[str, tuple[Spoil, str]] = {
    "without TLS": (lambda _: CallerTlsSettings(), "it speaks TLS, and is called without"),
    "without a certificate": (
        lambda c: CallerTlsSettings(tls_ca_file=c.ca),
        "it asks for a certificate, and none is shown",
    ),
    "another authority": (_other_authority, "not signed by an authority of TLS_CA_FILE"),
    "a certificate of another authority": (
        _other_client,
        "its TLS_CLIENT_CA_FILE lacks the authority of this part's certificate",
    ),
    "another name": (_other_name, "its certificate is not for elsewhere.example"),
}


@pytest.mark.parametrize("what", CALLERS)
async def test_why_a_connection_fails_is_found_out(
    settings: Settings, certificates: Certificates, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """The call fails at once, the log says why, once, and it is counted."""
    spoil, words = CALLERS[what]
    async with running(SERVICE, settings()) as port, calling(spoil(certificates), port) as caller:
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await caller.add()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            caller.connections.failed("tally", caller.target, caught.value)
        counted = partial(
            caller.registry.get_sample_value,
            "tls_connection_failures_total",
            {"service": "tally"},
        )
        await until(lambda: counted() == 1)
    said = [line for line in capsys.readouterr().out.splitlines() if "no connection by TLS" in line]
    assert len(said) == 1
    assert words in said[0]


async def test_a_service_without_tls_is_found_out(
    new_settings: Callable[[], TallySettings], certificates: Certificates
) -> None:
    """And nothing is found where all is well, or where nobody listens."""
    shown = Shown(certificates.ca.read_bytes())

    async def problem(port: int, shown: Shown | None) -> str:
        return await asyncio.to_thread(problem_of_connection, f"127.0.0.1:{port}", shown)

    async with running(SERVICE, new_settings()) as port:
        assert "it speaks no TLS" in await problem(port, shown)
        assert await problem(port, None) == ""
        async with calling(as_part(certificates, "edge"), port) as edge:
            with pytest.raises(grpc.aio.AioRpcError):
                await edge.add()
    assert await problem(port, shown) == ""


async def test_a_name_that_is_not_the_targets(
    settings: Settings, certificates: Certificates
) -> None:
    """The setting says what the certificate bears."""
    names = {"tally": "messaging"}
    own = as_part(certificates, "edge")
    opened = Connections(open_files(own, CollectorRegistry(), 1), names)
    request = messages.AddRequest(name="apples", amount=1)
    async with (
        running(SERVICE, settings()) as port,
        opened.open("tally", f"127.0.0.1:{port}", []) as channel,
    ):
        stub: Any = methods.TallyServiceStub(channel)
        await stub.Add(request, metadata=EDGE, timeout=PATIENCE)
