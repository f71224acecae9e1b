"""Scenarios as data: what people do, what goes wrong meanwhile, and what is to come of it.

A scenario is a table of a TOML file below `scenarios/`. docs/conformance.md describes the steps.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from conformance.faults import Act, Fault, Refusal

FOLDER = Path(__file__).parent / "scenarios"

TokenMode = Literal[
    "good",
    "short",
    "expired",
    "revoked",
    "other_user",
    "signed_out",
    "rubbish",
    "blank",
    "throws",
    "hangs",
]
"""How the run answers when an adapter asks for a token. `short` is a good one of a few seconds."""

PartName = Literal["edge", "messaging", "negotiation", "moderation"]

Capability = Literal[
    "messages",
    "changes",
    "read_marks",
    "deals",
    "disputes",
    "reports",
    "appeals",
    "blocks",
    "store",
    "outbox",
    "storage_failure",
    "msgpack",
]


class Step(Struct, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """One step. A device is `user` or `user/device`."""


class Open(Step, tag="open"):
    """Start a device's adapter, unless it runs, and open its client, which is to become `state`,
    if one is said.
    """

    device: str
    state: str = "live"
    within: float = 30
    options: dict[str, Any] = {}
    subprotocol: str = "parley.v1.json"
    store: bool = True
    path: str = "/ws"
    """Of the address that the client is given."""


class Call(Step, tag="call"):
    """Give a device a command of the protocol of adapters, `count` times.

    In `arguments` the text "@ann" is the name of that user, "$deal.service" a part of an outcome;
    "#" in a text is the number of the call. The outcome is kept under the name `keep`.
    """

    device: str
    command: str
    arguments: dict[str, Any] = {}
    keep: str = ""
    count: int = 1
    wait: bool = True
    """Whether to wait for the outcome; the step Outcome does so later, for those that are kept."""
    error: dict[str, Any] | None = None
    """Fields of the error, where it is to be refused."""
    tolerate: bool = False
    """Whether a typed error will do as well as an answer, where chance decides."""
    ok: dict[str, Any] = {}
    """Fields of the answer."""
    within: float = 30


class Outcome(Step, tag="outcome"):
    """Wait for the outcome of a Call that did not wait."""

    of: str
    error: dict[str, Any] | None = None
    ok: dict[str, Any] = {}
    within: float = 30


class Say(Step, tag="say"):
    """A person, who uses no library under test, sends a message, or `count` at once."""

    person: str
    to: str
    text: str
    subject: str | None = None
    count: int = 1
    keep: str = ""


class Do(Step, tag="do"):
    """A person, who uses no library under test, sends a packet and gets its answer, which is kept.

    `packet` is a name of `Op`; payloads are written as the arguments of Call are.
    """

    person: str
    packet: str
    payload: dict[str, Any] = {}
    keep: str = ""


class State(Step, tag="state"):
    """Wait until a device's client is in a state, for a `reason` if one is said."""

    device: str
    state: str
    reason: str | None = None
    within: float = 30


class Event(Step, tag="event"):
    """Wait for an event of a device that has these fields, after the one that was waited for last.

    With `count` for so many. The last one is kept under the name `keep`.
    """

    device: str
    event: dict[str, Any]
    count: int = 1
    keep: str = ""
    within: float = 30


class Never(Step, tag="never"):
    """See that no event with these fields comes for some seconds; and with `handshakes` false that
    no new connection comes.
    """

    device: str
    seconds: float
    event: dict[str, Any] | None = None
    handshakes: bool = True


class Token(Step, tag="token"):
    """Answer a device's requests for a token in another way: the next `times`, or 0 for all."""

    device: str
    mode: TokenMode
    times: int = 0


class SetFault(Step, tag="fault"):
    """Let a fault wait for its frame on a device's line."""

    device: str
    fault: Fault


class Refuse(Step, tag="refuse"):
    """Refuse a device's handshakes that are to come."""

    device: str
    refusal: Refusal


class Perform(Step, tag="perform"):
    """Do something to a device's line now."""

    device: str
    act: Act


class Heal(Step, tag="heal"):
    """Forget all faults of a device's line that wait, and end what is silent."""

    device: str


class Kill(Step, tag="kill"):
    """Kill a device's process. What it has of commands under way has no outcome."""

    device: str


class Pause(Step, tag="pause"):
    """Stop a device's process where it is for some seconds, as a machine that sleeps."""

    device: str
    seconds: float


class Part(Step, tag="part"):
    """Do something to a part of the system: an edge or a service.

    `replace` gives a service an empty database of another epoch; `rotate` gives the edge another
    credential, by which it seals cursors.
    """

    part: PartName
    act: Literal["kill", "stop", "start", "restart", "replace", "rotate"]


class Sanction(Step, tag="sanction"):
    """A moderator restricts a user, after a report of a message that was kept by its name."""

    user: str
    message: str
    measures: list[Literal["muted", "suspended", "banned", "warning", "message_removed"]]
    reporter: str
    seconds: float = 3600


class Lift(Step, tag="lift"):
    """A moderator ends all that restricts a user."""

    user: str


class EndSessions(Step, tag="end_sessions"):
    """The marketplace refuses the tokens that a user has."""

    user: str


class Spoil(Step, tag="spoil"):
    """Make a device's store useless, while no process uses it: `rubbish` in each of its files, or
    `denied`, a file where the folder was to be.
    """

    device: str
    how: Literal["rubbish", "denied"]


class Settle(Step, tag="settle"):
    """Wait until a device is live and nothing that it was told to do is under way."""

    devices: list[str]
    within: float = 60


class Same(Step, tag="same"):
    """See that a device's whole view is the server's history now."""

    device: str


class Rest(Step, tag="rest"):
    """Let time pass. For what nothing tells of, such as a limit of time."""

    seconds: float


AnyStep = (
    Open
    | Call
    | Outcome
    | Say
    | Do
    | State
    | Event
    | Never
    | Token
    | SetFault
    | Refuse
    | Perform
    | Heal
    | Kill
    | Pause
    | Part
    | Sanction
    | Lift
    | EndSessions
    | Spoil
    | Settle
    | Same
    | Rest
)


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario. At its end every device but those that `ends` names is live, and its view is
    the server's history; what the checks of the whole run find, it fails by.
    """

    name: str
    title: str
    """One sentence: what happens."""
    steps: list[AnyStep]
    needs: list[Capability] = []
    """Abilities that a library must have; others pass it over as not supported."""
    ends: dict[str, str] = {}
    """The state of each device that does not end as `live`."""
    own_system: bool = False
    """Whether what it does to the system would harm others."""
    closes: list[int] = []
    """Close codes that the edge itself says, and only here."""


class _File(Struct, forbid_unknown_fields=True):
    scenario: list[Scenario]


class ScenarioError(ValueError):
    """A file that holds no scenarios."""


def read_scenarios(paths: Sequence[Path] = ()) -> list[Scenario]:
    """The scenarios of these files, or of all that come with the kit. Raises ScenarioError."""
    found: list[Scenario] = []
    for path in paths or sorted(FOLDER.glob("*.toml")):
        try:
            found += msgspec.toml.decode(path.read_bytes(), type=_File).scenario
        except (OSError, msgspec.MsgspecError, UnicodeError) as error:
            raise ScenarioError(f"{path}: {error}") from error
    names = [one.name for one in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ScenarioError(f"two scenarios have the name {', '.join(sorted(twice))}")
    return found


def devices_of(scenario: Scenario) -> list[str]:
    """The devices that it opens, in this order."""
    return list(dict.fromkeys(one.device for one in scenario.steps if isinstance(one, Open)))


def user_of(device: str) -> str:
    """The user whose device it is."""
    return device.partition("/")[0]
