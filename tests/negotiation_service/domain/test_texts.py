"""Texts that are hidden: whatever happens, nobody is shown what is not for them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from negotiation_service.domain import commands
from negotiation_service.domain.decide import decide
from negotiation_service.domain.decision import Decision
from negotiation_service.domain.entities import Note
from negotiation_service.domain.events import Event, replay, texts_of
from negotiation_service.domain.facts import Facts
from negotiation_service.domain.history import ServiceChanged, entries
from negotiation_service.domain.removals import remove_texts, texts_by
from negotiation_service.domain.texts import INTERNAL
from tests.negotiation_service.story import LIMITS, STEPS, Story

PARTIES = ("ann", "bob")
PATH = ("revise", "counter", "accept", "revise", "counter", "request", "deliver", "reopen")
STEP = st.sampled_from(
    [*PATH, *PATH, "deliver", "complete", "confirm", "note", "note back", "notes lapse", "decline"]
)
BLOCKERS = st.sampled_from([(), ("ann",), ("bob",), PARTIES])


def saying(command: commands.Command, words: str) -> commands.Command:
    """The same command, with these words if it can have any."""
    match command:
        case commands.EditPrice():
            return replace(command, note=words)
        case commands.TerminateService():
            return replace(command, reason=words)
        case commands.SubmitNote():
            return replace(command, comment=words)
    return command


class Told:
    """A deal whose parties say something of its own with each step."""

    def __init__(self) -> None:
        self.story = Story()
        self.blockers: tuple[str, ...] = ()
        # The author of words, and whether the other blocked the author then.
        self.said: dict[str, tuple[str, bool]] = {}

    def take(self, step: str) -> None:
        """Take a step with words of its own, if it can be taken now."""
        story, words = self.story, f"<words {len(self.said)}>"
        try:
            command = saying(STEPS[step](story), words)
        except AssertionError:
            # The timer does not run.
            return
        is_party = isinstance(command, commands.PartyCommand)
        facts = Facts()
        if isinstance(command, commands.PartyCommand):
            actor, peer = command.actor, story.deal.peer(command.actor)
            facts = Facts(blocked=peer in self.blockers, blocks=actor in self.blockers)
        result = decide(story.deal, command, facts, story.now, LIMITS)
        if not isinstance(result, Decision):
            return
        story.deal = result.deal
        story.events += result.events
        if isinstance(command, commands.PartyCommand) and words in command.words:
            assert not facts.blocks
            self.said[words] = (command.actor, facts.blocked)
        assert is_party or not facts.blocked

    def views(self, reader: str) -> str:
        """All that a reader is shown: the deal as it stands, its history, each event as told."""
        story = self.story
        seen = entries(story.deal, story.events, reader)
        if reader != INTERNAL:
            seen += [
                ServiceChanged(one, 1, story.deal, story.now, LIMITS).entry(None)
                for one in story.events
            ]
        lines = [str((one.title, one.offer, one.reason, one.note)) for one in seen]
        return "\n".join([*lines, "" if reader == INTERNAL else str(story.show(reader))])


@given(st.lists(st.tuples(BLOCKERS, STEP), max_size=25))
def test_what_the_blocked_say_is_shown_to_nobody_else(
    moves: list[tuple[tuple[str, ...], str]],
) -> None:
    """Not in the deal, nor in any event, now or later; the deal is what its events make."""
    told = Told()
    for blockers, step in moves:
        told.blockers = blockers
        told.take(step)
        views = {reader: told.views(reader) for reader in PARTIES}
        for words, (author, withheld) in told.said.items():
            if withheld:
                assert words not in views[told.story.deal.peer(author)]
    assert replay(told.story.events) == told.story.deal


@given(st.lists(st.tuples(BLOCKERS, STEP), max_size=25))
def test_nothing_is_hidden_that_need_not_be(moves: list[tuple[tuple[str, ...], str]]) -> None:
    """Its author and services are shown each text, the other all that was said without a block;
    notes are sealed for a while, and are not for services.
    """
    told = Told()
    for blockers, step in moves:
        told.blockers = blockers
        told.take(step)
    notes = {one.details.comment for one in told.story.events if isinstance(one.details, Note)}
    for words, (author, withheld) in told.said.items():
        if words in notes:
            continue
        assert words in told.views(author)
        assert words in told.views(INTERNAL)
        if not withheld:
            assert words in told.views(told.story.deal.peer(author))


@given(st.lists(st.tuples(BLOCKERS, STEP), max_size=20), st.data())
def test_what_is_removed_is_shown_to_nobody_until_it_is_restored(
    moves: list[tuple[tuple[str, ...], str]], data: st.DataObject
) -> None:
    """Neither its author nor a service is shown it; restored it is what it was; the deal itself
    does not move, whatever is removed, and is what its events make.
    """
    told = Told()
    for blockers, step in moves:
        told.blockers = blockers
        told.take(step)
    story = told.story
    event = data.draw(st.sampled_from(story.events))
    author = event.by or data.draw(st.sampled_from(PARTIES))
    readers = (*PARTIES, INTERNAL)
    before = {reader: told.views(reader) for reader in readers}
    deal = story.deal
    names = texts_by(event, author)
    for removed in (True, True, False):
        decision = remove_texts(story.deal, names, story.now, LIMITS, removed=removed)
        story.deal, story.events = decision.deal, [*story.events, *decision.events]
        assert replay(story.events) == story.deal
        same = replace(story.deal, seq=deal.seq, removed=deal.removed)
        assert same == deal
        if removed:
            words = [one for one in told.said if came_with(event, one)]
            for reader in readers:
                shown = told.views(reader)
                assert not [one for one in words if author == event.by and one in shown]
                assert author != event.by or event.seq > 1 or "A logo" not in shown
    for reader in readers:
        shown = told.views(reader)
        assert all(words in shown for words in told.said if words in before[reader])


def came_with(event: Event, words: str) -> bool:
    """Tell whether these words were said with an event that brought them."""
    return bool(texts_of(event)) and words in str((event.details, event.reason))


def test_each_text_has_a_name_of_its_own() -> None:
    """So that hiding one hides no other."""
    told = Told()
    for step in ("revise", "counter", "revise", "accept", "request", "deliver", "complete", "note"):
        told.take(step)
    names = [name for event in told.story.events for name in texts_of(event)]
    assert len(names) == len({*names})
    assert [name.split()[0] for name in names] == [
        *("terms", "offer", "offer", "offer", "request", "reason", "reason", "note")
    ]
