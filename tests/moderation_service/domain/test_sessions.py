"""Which tokens are refused: ends of sessions, single tokens, and how long each is remembered."""

from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.sessions import (
    NOTHING_REVOKED,
    EndSessions,
    Revocation,
    Revocations,
    RevokeToken,
    add_up,
    check_arguments,
    end_sessions,
    revoke_token,
)
from moderation_service.domain.shared.limits import DAY, HOUR, Limits
from service_kit.rules import Refusal

NOW = 1_800_000_000_000
LIMITS = Limits(token_lifetime=30 * DAY, revoked_tokens=2)


def test_end_sessions_is_now_unless_a_time_is_said() -> None:
    ended = end_sessions(EndSessions("bob"), [], NOW, LIMITS)
    assert ended == Revocation("", NOW, NOW + 30 * DAY)
    earlier = end_sessions(EndSessions("bob", NOW - DAY), [], NOW, LIMITS)
    # Tokens of that time were good until now, so none of them lives beyond that.
    assert earlier == Revocation("", NOW - DAY, NOW + 30 * DAY)


def test_end_sessions_never_brings_tokens_back() -> None:
    """An earlier time than that which stands changes nothing."""
    standing = [Revocation("", NOW, NOW + DAY)]
    assert end_sessions(EndSessions("bob", NOW), standing, NOW, LIMITS) is None
    assert end_sessions(EndSessions("bob", NOW - 1), standing, NOW, LIMITS) is None
    assert end_sessions(EndSessions("bob", NOW + 1), standing, NOW, LIMITS) is not None


def test_revoke_token_is_remembered_until_the_token_is_no_more() -> None:
    """With a margin for clocks; without its end, for as long as tokens live."""
    known = revoke_token(RevokeToken("bob", "one", NOW + HOUR), [], NOW, LIMITS)
    assert known == Revocation("one", 0, NOW + HOUR + DAY)
    unknown = revoke_token(RevokeToken("bob", "one"), [], NOW, LIMITS)
    assert unknown == Revocation("one", 0, NOW + 30 * DAY)
    assert revoke_token(RevokeToken("bob", "one", NOW - 2 * DAY), [], NOW, LIMITS) is None


def test_revoke_token_repeated_is_the_same() -> None:
    standing = [Revocation("one", 0, NOW + 30 * DAY)]
    for later in (NOW, NOW + DAY):
        assert revoke_token(RevokeToken("bob", "one"), standing, later, LIMITS) is None
    assert revoke_token(RevokeToken("bob", "one", NOW + HOUR), standing, NOW, LIMITS) is None


def test_revoke_token_is_bounded_and_the_refusal_says_what_to_do() -> None:
    standing = [Revocation(name, 0, NOW + 30 * DAY) for name in ("one", "two")]
    refused = revoke_token(RevokeToken("bob", "three"), standing, NOW, LIMITS)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.limit) == ("TOO_MANY_REVOKED_TOKENS", "revoked_tokens_limit")
    assert "end all sessions" in refused.message
    # One that stands already is no more than there were.
    assert revoke_token(RevokeToken("bob", "one"), standing, NOW, LIMITS) is None


def test_arguments_at_fault_are_named() -> None:
    for command, field in (
        (EndSessions(""), "user"),
        (EndSessions("bob", NOW + 2 * HOUR), "before_time"),
        (RevokeToken("bob", ""), "token_id"),
        (RevokeToken("bob", "a\0"), "token_id"),
        (RevokeToken("bob", "a" * 129), "token_id"),
    ):
        refused = check_arguments(command, NOW)
        assert refused is not None
        assert refused.field == field
    assert check_arguments(EndSessions("bob", NOW + HOUR), NOW) is None


@given(st.lists(st.integers(NOW - DAY, NOW + HOUR), max_size=8))
def test_the_latest_end_of_sessions_counts_in_any_order(times: list[int]) -> None:
    """However often and in whatever order sessions are ended, the latest time stands."""
    standing: list[Revocation] = []
    for time in times:
        made = end_sessions(EndSessions("bob", time), standing, NOW, LIMITS)
        standing = standing if made is None else [made]
    assert len(standing) <= 1
    assert add_up(standing) == (Revocations(max(times)) if times else NOTHING_REVOKED)
