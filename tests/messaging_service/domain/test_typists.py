"""People who are seen typing: whoever begins ends, once, however it comes."""

from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain.typists import Typist, Typists

LIFETIME = 10.0
PEOPLE = ("ann", "bob", "eve")
STEP = st.tuples(
    st.sampled_from(["begin", "end", "between", "wait"]),
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.sampled_from(["", "tap"]),
    st.floats(0, 15),
)


def typist(user: str, peer: str, subject: str) -> Typist:
    first, second = sorted((user, peer))
    return Typist(user, f"{first} {second} {subject}", peer)


@given(st.lists(STEP, max_size=60), st.integers(1, 8))
def test_whoever_is_seen_typing_ends_once(
    steps: list[tuple[str, str, str, str, float]], most: int
) -> None:
    """By a signal, a block, for another one, or by itself when no signal has come for as long."""
    typists, now = Typists(LIFETIME, most), 0.0
    seen: dict[Typist, float] = {}
    for step, user, peer, subject, seconds in steps:
        who = typist(user, peer, subject)
        match step:
            case "begin" if user != peer:
                dropped = typists.begin(who, now)
                seen.pop(who, None)
                seen[who] = now
                if dropped is not None:
                    assert dropped == min(seen, key=lambda one: (seen[one], list(seen).index(one)))
                    del seen[dropped]
            case "end":
                assert typists.end(user, who.conversation_id) == (who if who in seen else None)
                seen.pop(who, None)
            case "between":
                ended = typists.end_between(user, peer)
                expected = {one for one in seen if {one.user, one.peer} == {user, peer}}
                assert (len(ended), set(ended)) == (len(expected), expected)
                for one in ended:
                    del seen[one]
            case "wait":
                now += seconds
                due = list(typists.end_due(now))
                assert due == [one for one, at in seen.items() if at + LIFETIME <= now]
                for one in due:
                    del seen[one]
        assert len(typists) == len(seen) <= most
        assert typists.next_end == min((at + LIFETIME for at in seen.values()), default=None)
    assert set(typists.end_due(now + LIFETIME)) == set(seen)
    assert typists._of == {}
