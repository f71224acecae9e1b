"""The states of a session, and the table of transitions between them."""

import enum
from collections.abc import Mapping


class State(enum.Enum):
    """Where a session is between accept and close."""

    CONNECTING = enum.auto()
    """Before HELLO. Backends are asked from where on their alerts will come."""

    REPLAYING = enum.auto()
    """Live alerts wait until those that were missed, or a sanction, have been sent before them."""

    LIVE = enum.auto()
    """Alerts are sent as they come."""

    ATTACHING = enum.auto()
    """As CONNECTING, but for a RESUME of a client that has had its HELLO."""

    CLOSING = enum.auto()
    """Nothing is taken any more; what is queued is sent, and then the close frame."""


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.CONNECTING: frozenset({State.REPLAYING, State.CLOSING}),
    State.REPLAYING: frozenset({State.LIVE, State.CLOSING}),
    State.LIVE: frozenset({State.ATTACHING, State.REPLAYING, State.CLOSING}),
    # LIVE: the backends did not answer, and everything stays as it was.
    State.ATTACHING: frozenset({State.REPLAYING, State.LIVE, State.CLOSING}),
    State.CLOSING: frozenset(),
}


class ImpossibleTransitionError(Exception):
    """A defect: a session was to go on to a state that cannot follow its own."""


def follow(state: State, following: State) -> State:
    """The following state. Raises ImpossibleTransitionError if the table does not have it."""
    if following not in TRANSITIONS[state]:
        raise ImpossibleTransitionError(f"{following.name} after {state.name}")
    return following
