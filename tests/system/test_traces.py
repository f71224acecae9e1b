"""Traces, through real processes, as a collector gets them."""

import json
import time

from parley_protocol.packets import Op
from tests.support.client import Client
from tests.support.collector import Collector, Span, names
from tests.support.moderator import moderating
from tests.support.system import System
from tests.support.waiting import PATIENCE, eventually
from tests.system.conftest import Connect
from tests.system.deals import begin


async def test_one_trace_goes_from_the_packet_to_the_commit_and_the_push(
    observed_system: System, connect: Connect, collector: Collector, alice: str, bob: str
) -> None:
    """Ann's message: her edge, the call, the transaction with its commit, and the push to Bob."""
    began_ns = time.time_ns()
    writer = await connect(observed_system, alice)
    reader = await connect(observed_system, bob)
    await writer.write(bob, "Hello")
    await reader.expect(Op.ALERT_NEW_MSG)

    def find() -> list[Span]:
        whole = {
            ("edge", "packet CREATE MSG"),
            ("edge", "call StreamCreateMessages"),
            ("messaging", "transaction"),
            ("messaging", "commit"),
            ("messaging", "write"),
            ("edge", "push messaging"),
        }
        roots = [one for one in collector.named("packet CREATE MSG") if one.began_ns > began_ns]
        return [one for one in roots if whole <= names(collector.of(one.trace))]

    (root,) = await eventually(find)
    spans = {one.name: one for one in collector.of(root.trace)}
    assert root.parent == ""
    assert root.attributes["parley.outcome"] == "ok"
    assert (root.trace, root.id) in spans["transaction"].links
    assert spans["commit"].parent == spans["transaction"].id
    assert spans["write"].links == {(root.trace, spans["transaction"].id)}
    assert spans["push messaging"].parent == root.id
    assert len({one.id for one in collector.of(root.trace)}) == len(collector.of(root.trace))


async def test_the_trace_goes_on_at_the_edge_of_another_replica(
    observed_system: System, collector: Collector, alice: str, bob: str
) -> None:
    """What replicas tell one another bears the trace of its cause."""
    began_ns = time.time_ns()
    at_first, at_second = observed_system.urls
    writer = await Client.open(at_first, observed_system.token(alice))
    reader = await Client.open(at_second, observed_system.token(bob))
    await writer.write(bob, "Hello")
    await reader.expect(Op.ALERT_NEW_MSG)
    await writer.close()
    await reader.close()

    def find() -> list[set[tuple[str, str]]]:
        roots = [one for one in collector.named("packet CREATE MSG") if one.began_ns > began_ns]
        whole = {("edge", "push messaging"), ("messaging", "commit")}
        found = [names(collector.of(one.trace)) for one in roots]
        return [one for one in found if whole <= one]

    assert len(await eventually(find)) == 1


async def test_many_of_one_transaction_have_each_their_own_trace(
    observed_system: System, connect: Connect, collector: Collector, alice: str, bob: str
) -> None:
    """Fifty that are sent at once: each has its commit, by a link, and its own push."""
    writer = await connect(observed_system, alice)
    reader = await connect(observed_system, bob)
    began_ns = time.time_ns()
    for number in range(50):
        await writer.send(Op.CREATE_MSG, {"to": bob, "text": f"{number}"}, id=number)
    for _ in range(50):
        await reader.expect(Op.ALERT_NEW_MSG)

    def find() -> list[str]:
        return [
            one.trace
            for one in collector.named("packet CREATE MSG")
            if one.began_ns > began_ns
            and {("messaging", "write"), ("edge", "push messaging")}
            <= names(collector.of(one.trace))
        ]

    assert len(await eventually(find, lambda found: len(found) == 50)) == 50
    transactions = {(one.trace, one.id): one for one in collector.named("transaction")}
    for trace in await eventually(find):
        root = next(one for one in collector.of(trace) if one.name == "packet CREATE MSG")
        (write,) = (one for one in collector.of(trace) if one.name == "write")
        (pushed,) = (one for one in collector.of(trace) if one.name == "push messaging")
        assert pushed.parent == root.id
        (linked,) = write.links
        assert (trace, root.id) in transactions[linked].links


async def test_a_deal_a_report_and_a_ban_are_followed_by_every_part(
    observed_system: System, connect: Connect, collector: Collector, alice: str, bob: str
) -> None:
    """What one service tells another is below the packet that caused it. Nothing in any span is of
    people: no names, no words, no tokens, no credentials.
    """
    deal = await begin(observed_system, connect, alice, bob)
    await deal.offer(title="Marker of a title")
    await deal.bob.event("created")
    client = deal.alice.client
    stored = await client.write(bob, "Marker of a text")
    reported = {"message": stored["message"], "reason": "spam"}
    assert (await deal.bob.client.ask(Op.REPORT_MSG, reported))["op"] == Op.REPORT_STATUS
    refused = await client.ask(Op.ASK_MESSAGES, {"conversation": "marker-of-a-conversation"})
    assert refused["op"] == Op.ERROR
    async with moderating(
        observed_system.target("moderation"),
        observed_system.credentials,
        observed_system.token,
        "mod",
    ) as moderator:
        await moderator.decide(alice, "banned")
    await client.closed()
    token = observed_system.token(alice)
    status, _, _ = observed_system.request(
        "GET", "/standing", headers={"Authorization": f"Bearer {token}"}
    )
    assert status == 200

    def find() -> bool:
        created = collector.named("packet SERVICE CREATED")
        return (
            bool(created)
            and {
                ("negotiation", "StreamCommands"),
                ("negotiation", "commit"),
                ("negotiation", "call BatchGetParties"),
                ("messaging", "BatchGetParties"),
                ("edge", "push negotiation"),
                ("messaging", "follow negotiation"),
                ("messaging", "commit"),
                ("edge", "push messaging"),
            }
            <= names(collector.of(created[0].trace))
            and {
                ("moderation", "ReportMessage"),
                ("edge", "http GET /standing"),
                ("edge", "packet ASK MESSAGES"),
                ("moderation", "GetStanding"),
            }
            <= names(collector.spans)
        )

    await eventually(find)
    (asked,) = collector.named("packet ASK MESSAGES")
    assert asked.failed
    everything = b"".join(collector.raw)
    secrets = (*observed_system.credentials.values(), observed_system.token_key, token)
    marks = ("arker", "Kitchen", alice, bob, deal.conversation, deal.service, stored["message"])
    for word in (*secrets, *marks):
        assert word.encode() not in everything, word


def test_parts_refuse_settings_of_traces_that_contradict_one_another(own_system: System) -> None:
    """One line, exit code 2, nothing served."""
    own_system.settings["messaging"] = {"traces_slow_seconds": 3}
    own_system.start_services("messaging")
    part = own_system.services["messaging"]
    assert part.process.wait(PATIENCE) == 2
    assert part.read_log().splitlines()[-1] == (
        "bad settings: PARLEY_MESSAGING_: Value error, traces_slow_seconds without traces_endpoint:"
        " no traces are made"
    )


async def test_a_request_of_the_desk_is_in_a_trace_with_what_it_asks(
    observed_system: System, collector: Collector
) -> None:
    """A moderator signs in: the desk, its call, and the service that answers it."""
    (desk,) = (part for part in observed_system.parts if part.name == "desk")
    began_ns = time.time_ns()
    token = observed_system.token("mod", roles=["moderator"])
    status, _, body = observed_system.request(
        "POST",
        "/session",
        desk.port,
        body=json.dumps({"token": token}).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert status == 200, body

    def find() -> list[set[tuple[str, str]]]:
        roots = [one for one in collector.named("http sign_in") if one.began_ns > began_ns]
        whole = {
            ("desk", "http sign_in"),
            ("desk", "call BatchGetStandings"),
            ("moderation", "BatchGetStandings"),
        }
        found = [names(collector.of(one.trace)) for one in roots]
        return [one for one in found if whole <= one]

    assert len(await eventually(find)) == 1
