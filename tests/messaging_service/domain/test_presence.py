"""The rules of presence, by properties."""

from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain.presence import Presence, come_online, go_offline


@given(
    st.lists(st.tuples(st.sampled_from(["come", "go", "hide", "show"]), st.integers(1, 99))),
)
def test_presence_moves_only_as_others_may_see(steps: list[tuple[str, int]]) -> None:
    """Whatever comes: a change that is no news is none, `last_seen` never goes back, and whoever
    is invisible and offline does not move at all.
    """
    presence = Presence("a")
    for revision, (step, at) in enumerate(steps, start=1):
        if step in {"hide", "show"}:
            presence = presence._replace(invisible=step == "hide")
            continue
        decide = come_online if step == "come" else go_offline
        changed = decide(presence, at, revision, 2 * revision)
        if changed is None:
            # There already, not to be seen, or nothing that was not known.
            assert step == "come" or presence.invisible or at <= presence.last_seen
            continue
        assert changed.online is (step == "come")
        assert changed[:3] != presence[:3]
        assert changed.last_seen >= presence.last_seen
        assert (changed.revision, changed.invisible) == (revision, presence.invisible)
        assert changed.version == 2 * revision
        assert presence.online or not presence.invisible
        presence = changed
