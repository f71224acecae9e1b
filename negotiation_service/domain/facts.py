"""Facts about a command: what the service knows besides the deal, and no client says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """`forbidden` says in words which sanction or block does not allow the command; empty for none.
    `blocked`: the other party blocks the actor; `blocks`: the actor blocks the other party.

    Of a service that is to be created: the id it gets, the participants of its conversation, and
    `wait`: in how many milliseconds the next one may be opened there, 0 for now.
    """

    forbidden: str = ""
    service: str = ""
    participants: tuple[str, ...] = ()
    blocked: bool = False
    blocks: bool = False
    wait: int = 0


NO_FACTS = Facts()
