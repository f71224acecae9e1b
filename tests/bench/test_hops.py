"""Where the time of a message goes can be told while a message passes the places that are named."""

import pytest

from bench.measurements.hops import HOPS, figures
from bench.systems.traced import PLACES, Notes, find

ALL_PLACES = {name: place for part in PLACES.values() for name, place in part.items()}
WAY = ["decode", "submit", "call", "rpc", "clock", "operation", "commit", "publish", "deliver"]


@pytest.mark.parametrize("place", ALL_PLACES.values())
def test_every_place_exists(place: str) -> None:
    """A function that is renamed or removed needs another place for its hop there."""
    owner, name = find(place)
    assert callable(getattr(owner, name))


def test_hops_lead_from_place_to_place() -> None:
    """Each begins where the one before it ends, from the client to the alert."""
    ways = [hop for hop in HOPS if hop.name != "send to alert"]
    alert = ways[: next(index for index, hop in enumerate(ways) if hop.end == "alerted") + 1]
    assert alert[0].begin == "sent"
    assert [hop.end for hop in alert[:-1]] == [hop.begin for hop in alert[1:]]


def test_hops_name_places_that_are_noted() -> None:
    """A hop is between two moments that somebody notes."""
    noted = {"sent", "alerted", "stored", *ALL_PLACES, *(f"{name}.end" for name in ALL_PLACES)}
    assert {moment for hop in HOPS for moment in (hop.begin, hop.end)} <= noted


def passing(start_ns: int) -> tuple[dict[str, int], Notes]:
    """A message that needs 10 us from place to place, and stays for 1 us."""
    notes = {
        name: [(start_ns + 10_000 * number, start_ns + 10_000 * number + 1000)]
        for number, name in enumerate([*WAY, "answer"], start=1)
    }
    moment = {"sent": start_ns, "alerted": start_ns + 200_000, "stored": start_ns + 200_000}
    return moment, notes


def test_a_hop_is_the_time_between_its_places() -> None:
    """In microseconds, of the notes that fall into the message's own time."""
    first, notes = passing(0)
    second, more = passing(1_000_000)
    together = {name: [*notes[name], *more[name]] for name in notes}
    found = {figure.name: figure.value for figure in figures([first, second], together)}
    assert found["edge: batcher"] == 10
    assert found["writer: COMMIT, to the disk"] == 10
    assert found["send to alert"] == 200


def test_a_message_that_was_not_alone_is_left_out() -> None:
    """Two notes of one place cannot be told apart, so that message says nothing."""
    first, notes = passing(0)
    second, more = passing(1_000_000)
    together = {name: [*notes[name], *more[name]] for name in notes}
    together["decode"].append((1_015_000, 1_016_000))
    found = {figure.name: figure.value for figure in figures([first, second], together)}
    assert found["edge: batcher"] == 10
    together["decode"].append((15_000, 16_000))
    with pytest.raises(RuntimeError, match="0 of 2"):
        figures([first, second], together)


def test_a_place_that_no_message_passes_is_named() -> None:
    """The figures are not made up of what is left."""
    moment, notes = passing(0)
    notes["rpc"] = []
    with pytest.raises(RuntimeError, match="passes rpc"):
        figures([moment], notes)
