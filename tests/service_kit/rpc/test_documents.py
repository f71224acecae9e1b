"""Documents of the contract, as `--json` prints them, and requests made of documents."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from parley.moderation.v1 import moderation_pb2 as pb

from service_kit.rpc.documents import build, document


def test_a_case_is_written_by_one_rule() -> None:
    """Words without prefixes, times to the millisecond, numbers as numbers."""
    case = pb.Case(
        id="c1",
        version=7,
        subject=pb.Subject(kind=pb.SUBJECT_KIND_MESSAGE, id="m1", conversation_id="k1"),
        state=pb.CASE_STATE_OPEN,
        create_time=Timestamp(seconds=1_700_000_000, nanos=57_000_000),
        accused=["bob"],
    )
    found = document(case)
    assert found["version"] == 7
    assert found["subject"] == {
        "kind": "message",
        "id": "m1",
        "conversation_id": "k1",
        "number": 0,
    }
    assert found["state"] == "open"
    assert found["create_time"] == "2023-11-14T22:13:20.057Z"
    assert found["accused"] == ["bob"]
    assert found["claimed_by"] == ""
    assert found["reports"] == []
    assert found["severity"] == ""
    assert "due_time" not in found


def test_a_word_that_is_newer_than_the_program_is_a_number() -> None:
    """Nothing fails because the service has learned a further kind."""
    sanction = pb.Sanction()
    sanction.MergeFromString(b"\x10\x63")  # Field 2, the kind, is 99.
    assert document(sanction)["kind"] == "99"


def test_a_request_is_built_as_it_is_read() -> None:
    """Whatever can be written can be asked for, lists and messages within included."""
    until = datetime(2026, 12, 1, 8, 0, 0, 57_000, tzinfo=UTC)
    measure = {"kind": "muted", "user": "bob", "until_time": until, "ground": "law"}
    fields = {"case_id": "c1", "version": 7, "verdict": "violation", "measures": [measure]}
    request = build(pb.DecideCaseRequest, fields)
    assert request.measures[0].kind == pb.SANCTION_KIND_MUTED
    assert request.measures[0].ground == pb.GROUND_LAW
    found = document(request)
    assert found["measures"][0]["until_time"] == "2026-12-01T08:00:00.057Z"
    assert found["verdict"] == "violation"
    split = build(
        pb.DecideDisputeRequest, {"split": {"provider_minor": 1, "client_minor": 2}, "rule": None}
    )
    assert split.split.client_minor == 2
    assert not build(pb.DecideDisputeRequest, {"split": None}).HasField("split")


def test_what_the_contract_has_not_is_not_sent() -> None:
    """A mistake of the program shows at once."""
    with pytest.raises(KeyError):
        build(pb.GetCaseRequest, {"case": "c1"})
