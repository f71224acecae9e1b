"""`parley sessions` for real, against all services and an edge."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import InvalidStatus

from command_line.folder import tokens
from command_line.folder.data_folder import DataFolder
from tests.command_line.conftest import Run
from tests.support.client import Client


async def test_sessions_end_by_user_token_and_time(parley: Run, folder: DataFolder) -> None:
    """The sockets are closed, the tokens are refused, and each answer says what is so now."""
    url, hour = folder.read_url(), timedelta(hours=1)

    async def end(*arguments: str) -> tuple[int, str, str]:
        run = await parley("sessions", "end", *arguments, "--data", str(folder.path))
        code, error = await run.end()
        return code, "\n".join(run.lines), error

    earlier = datetime.now(UTC) - timedelta(minutes=30)
    old = tokens.mint(folder, "bob", hour, issued_at=earlier)
    named = tokens.mint(folder, "bob", hour, token_id="one")
    for token, arguments, said in (
        (named, ("--token-id", "one"), "bob's token one is refused"),
        (old, ("--before", "20m"), "bob's tokens issued before"),
        (tokens.mint(folder, "bob", hour), (), "bob's tokens issued before"),
    ):
        client = await Client.open(url, token)
        code, out, error = await end("bob", *arguments)
        assert (code, error) == (0, "")
        assert out.startswith(said)
        assert out.endswith("from now on")
        assert await client.closed() == 4301
        with pytest.raises(InvalidStatus) as refused:
            await Client.open(url, token)
        body = json.loads(refused.value.response.body)
        assert (body["status"], body["reason"]) == (401, "token_revoked")
    fresh = await Client.open(url, tokens.mint(folder, "bob", hour))
    await fresh.close()
    code, out, _ = await end("bob", "--token-id", "one", "--json")
    assert (code, json.loads(out)) == (0, {"duplicate": True})
    for wrong, told in (
        (("bob", "--token-id", "one", "--before", "1h"), "not both"),
        (("bob", "--before", "2026-12-01T09:00"), "needs its zone"),
        (("bob", "--before", "soon"), "not a duration"),
        (("bob", "--token-id", ""), "id of a token"),
        (("",), "a user is a name"),
    ):
        code, out, error = await end(*wrong)
        assert (code, out) == (2, "")
        assert told in error
