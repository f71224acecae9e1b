"""M6: a removed message is gone for both parties, and stays as evidence."""

import json
from pathlib import Path

from parley.messaging.v1 import messaging_pb2 as words
from parley.moderation.v1 import moderation_pb2 as pb

from tests.moderation_service.moderation import Moderation, moderation_settings, serve_moderation
from tests.moderation_service.peers import Peers, serve_peers
from tests.moderation_service.sagas import migrated
from tests.support.system import free_port
from tests.support.waiting import eventually


async def moderate(moderation: Moderation, method: str, **fields: object) -> pb.Case:
    answer = await moderation.moderate(method, **fields)
    assert isinstance(answer.case, pb.Case)
    return answer.case


async def report(moderation: Moderation, message: str, reason: pb.ReportReason.ValueType) -> None:
    request = pb.ReportMessageRequest(actor="bob", message_id=message, reason=reason)
    await moderation.client.call("ReportMessage", request)


async def newest_case(moderation: Moderation) -> pb.Case:
    """Give the one case that is not decided, with its evidence."""
    (case,) = (await moderation.moderate("ListCases")).cases
    return await moderate(moderation, "GetCase", case_id=case.id)


async def removed(peers: Peers, message: str) -> words.Message:
    """Wait until messaging shows a tombstone in the place of a message."""
    request = words.GetMessagesRequest(actor="bob", message_ids=[message])
    page = await eventually(
        lambda: peers.messaging.call("GetMessages", request),
        lambda page: page.messages[0].tombstone == words.TOMBSTONE_REMOVED,
    )
    (found,) = page.messages
    assert isinstance(found, words.Message)
    return found


async def test_a_removed_message_is_seen_by_who_takes_evidence(
    empty_database: str, tmp_path: Path
) -> None:
    """With the text that it had; a later report shows it as an earlier one did."""
    port = free_port()
    async with serve_peers(tmp_path, f"127.0.0.1:{port}") as peers:
        settings = moderation_settings(
            tmp_path,
            migrated(empty_database),
            peers.messaging_target,
            peers.negotiation_target,
            listen=f"127.0.0.1:{port}",
        )
        async with serve_moderation(settings) as moderation:
            said = await peers.say("ann", "bob", "something vile")
            await report(moderation, said.id, pb.REPORT_REASON_HATE)
            case = await newest_case(moderation)
            claimed = await moderate(moderation, "ClaimCase", case_id=case.id)
            removal = pb.Measure(
                kind=pb.SANCTION_KIND_MESSAGE_REMOVED,
                message_id=said.id,
                facts="It is vile.",
                ground=pb.GROUND_TERMS,
                rule="terms 1",
            )
            await moderate(
                moderation,
                "DecideCase",
                case_id=case.id,
                version=claimed.version,
                verdict=pb.VERDICT_VIOLATION,
                measures=[removal],
            )
            assert (await removed(peers, said.id)).text == ""
            await report(moderation, said.id, pb.REPORT_REASON_SCAM)
            (evidence,) = (await newest_case(moderation)).evidence
            (found,) = json.loads(evidence.content)["messages"]
            assert found["message"]["tombstone"] == "TOMBSTONE_REMOVED"
            assert [one["text"] for one in found["versions"]] == ["something vile"]
