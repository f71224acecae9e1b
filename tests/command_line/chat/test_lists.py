"""Lists in the chat: what was told on another device."""

from typing import Any

import pytest

from command_line.chat.lists import LISTS, shown
from parley_protocol.packets import OP_OF, Op
from tests.command_line.deals import offer, service
from tests.command_line.rulings import appeal, dispute, report
from tests.command_line.scripted import Connection, Stage

ANSWERS: dict[str, tuple[Op, dict[str, Any], str]] = {
    "/blocks": (
        Op.RETURN_BLOCKS,
        {"blocks": [{"user": "mallory\x1b[2J", "blocked": True, "version": 7}], "next": "p2"},
        "blocks: 1 and more\n   - mallory�[2J",
    ),
    "/deals": (
        Op.RETURN_SERVICES,
        {"services": [service(version=1, offer=offer(1, 10000, "bob"))]},
        'services: 1\n   - "Repair the tap" offered by bob: 100.00 EUR',
    ),
    "/disputes": (Op.RETURN_DISPUTES, {"disputes": [dispute()]}, "disputes: 1\n   - "),
    "/reports": (Op.RETURN_REPORTS, {"reports": [report()]}, "reports: 1\n   - "),
    "/appeals": (
        Op.RETURN_APPEALS,
        {"appeals": [appeal()["appeal"]]},
        "appeals: 1\n   - your appeal was received",
    ),
}


def test_each_list_is_tried() -> None:
    assert set(ANSWERS) == set(LISTS)


@pytest.mark.parametrize("name", sorted(ANSWERS))
async def test_a_list_is_asked_for_and_shown(stage: Stage, name: str) -> None:
    opcode, answer, words = ANSWERS[name]

    async def step(connection: Connection) -> None:
        await connection.greet()
        stage.type(f"{name}\n/quit\n")
        asked = await connection.expect(OP_OF[type(LISTS[name].asks)])
        await connection.send(opcode, answer, re=asked["id"])
        await connection.socket.wait_closed()

    await stage.play(step)
    assert words in stage.shown()


@pytest.mark.parametrize("name", sorted(LISTS))
def test_an_empty_list_says_so(name: str) -> None:
    assert shown(name, {LISTS[name].items: []}, "alice") == [f"{LISTS[name].items}: none"]
