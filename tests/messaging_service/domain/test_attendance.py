"""Absences of people: the rules, against a model and step by step."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain.attendance import Attendance

ALLOWED = 10.0


def gone(attendance: Attendance, now: float, most: int = 100) -> list[tuple[str, int]]:
    return [(one.user, one.seen_at) for one in attendance.take_gone(now, most)]


def test_a_short_absence_is_none() -> None:
    attendance = Attendance(ALLOWED, 100)
    assert attendance.follow(["a"]) == ["a"]
    attendance.unfollow(["a"], 100, 1)
    assert gone(attendance, 109.9) == []
    assert attendance.follow(["a"]) == []
    assert gone(attendance, 1000) == []


def test_a_longer_one_ends_with_when_the_person_was_seen_last() -> None:
    """It is the moment of leaving, and not that of the conclusion; told once."""
    attendance = Attendance(ALLOWED, 100)
    attendance.follow(["a", "b"])
    attendance.unfollow(["a"], 100, 1)
    attendance.unfollow(["b"], 105, 2)
    assert gone(attendance, 110) == [("a", 1)]
    assert gone(attendance, 110) == []
    assert gone(attendance, 115) == [("b", 2)]
    assert attendance.follow(["a"]) == ["a"]


def test_many_who_leave_at_once_go_a_batch_at_a_time() -> None:
    """The rest stays absent until it is taken, and may yet come back."""
    attendance = Attendance(ALLOWED, 100)
    attendance.follow(["a", "b", "c"])
    attendance.unfollow(["a", "b", "c"], 100, 1)
    assert gone(attendance, 200, most=2) == [("a", 1), ("b", 1)]
    assert attendance.follow(["c"]) == []
    assert gone(attendance, 200, most=2) == []


def test_hidden_goes_as_everybody_goes_while_being_followed() -> None:
    """From when the wish came, for good: neither another socket nor leaving changes it."""
    attendance = Attendance(ALLOWED, 100)
    attendance.follow(["a"])
    attendance.hide("a", 100, 1)
    attendance.unfollow(["a"], 103, 2)
    assert attendance.follow(["a"]) == []
    assert gone(attendance, 109) == []
    assert gone(attendance, 110) == [("a", 1)]
    assert len(attendance) == 1


def test_hidden_while_absent_was_seen_last_when_leaving() -> None:
    """The wish brings nobody back for a moment."""
    attendance = Attendance(ALLOWED, 100)
    attendance.follow(["a"])
    attendance.unfollow(["a"], 100, 1)
    attendance.hide("a", 105, 2)
    assert attendance.follow(["a"]) == []
    assert gone(attendance, 110) == [("a", 1)]


def test_shown_again_in_time_has_never_gone() -> None:
    """Whether still there, absent, or never there at all."""
    attendance = Attendance(ALLOWED, 100)
    attendance.follow(["a", "b"])
    for user in ("a", "b", "c"):
        attendance.hide(user, 100, 1)
    attendance.unfollow(["b"], 101, 2)
    assert [attendance.show(user) for user in ("a", "b", "c")] == [True, False, False]
    assert gone(attendance, 200) == [("b", 1)]


def test_recalled_people_have_a_short_absence_to_come_back() -> None:
    """After a restart: who returns was never away, and who is hidden goes all the same."""
    attendance = Attendance(ALLOWED, 100)
    for user, final in (("a", False), ("b", False), ("c", True)):
        attendance.recall(user, 7, 100, final=final)
    assert attendance.follow(["a", "c"]) == []
    assert gone(attendance, 110) == [("b", 7), ("c", 7)]


def test_beyond_the_limit_people_are_left_out() -> None:
    """They are not kept in mind, leave without a trace, and are taken in when there is room."""
    attendance = Attendance(ALLOWED, 2)
    assert attendance.follow(["a", "b", "c"]) == ["a", "b"]
    assert attendance.left_out == 1
    attendance.unfollow(["c", "a"], 100, 1)
    assert gone(attendance, 110) == [("a", 1)]
    assert attendance.follow(["c"]) == ["c"]


def test_what_is_remembered_holds_for_everybody() -> None:
    attendance = Attendance(ALLOWED, 100)
    attendance.follow(["a", "b"])
    assert attendance.known_until(50) == 50
    attendance.unfollow(["a"], 100, 60)
    assert attendance.known_until(70) == 60


@dataclass
class Person:
    """The model: the moments at which somebody was followed or not, and what was told."""

    followed: bool = False
    left_at: int | None = None
    told: list[tuple[str, int]] = field(default_factory=list)


steps = st.lists(
    st.tuples(st.sampled_from(["follow", "unfollow", "wait"]), st.sampled_from("abc")),
    max_size=60,
)


@given(steps=steps, pauses=st.lists(st.integers(0, 12), min_size=60, max_size=60))
def test_what_is_told_follows_from_the_times_alone(
    steps: list[tuple[str, str]], pauses: list[int]
) -> None:
    """Whatever comes: each person comes and goes in turns, goes exactly when nobody followed for
    the time allowed, and with the moment of leaving.
    """
    attendance = Attendance(ALLOWED, 100)
    people = {name: Person() for name in "abc"}
    now = 0

    def tick() -> None:
        for user, seen_at, _hidden, _here in attendance.take_gone(now, 100):
            person = people[user]
            assert not person.followed
            assert person.left_at == seen_at
            assert now - seen_at >= ALLOWED
            person.told.append(("gone", now))
            person.left_at = None

    for (step, user), pause in zip(steps, pauses, strict=False):
        for _ in range(pause):
            now += 1
            tick()
        person = people[user]
        if step == "follow":
            came = attendance.follow([user])
            assert came == ([user] if not person.followed and person.left_at is None else [])
            person.told += [("came", now) for _ in came]
            person.followed, person.left_at = True, None
        elif step == "unfollow" and person.followed:
            attendance.unfollow([user], now, now)
            person.followed, person.left_at = False, now
        # Nobody is overdue, for the clock ticks each second.
        assert all(one.left_at is None or now - one.left_at <= ALLOWED for one in people.values())
        there = sum(one.followed or one.left_at is not None for one in people.values())
        assert len(attendance) == there
    for person in people.values():
        words = [word for word, _ in person.told]
        assert words == ["came", "gone"] * (len(words) // 2) + ["came"] * (len(words) % 2)
