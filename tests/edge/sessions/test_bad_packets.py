"""How many bad packets a socket may send."""

from edge.sessions.bad_packets import BadPackets


def test_too_many_within_a_minute() -> None:
    """They need not follow one another at once."""
    packets = BadPackets(3, 100.0)
    assert [packets.add(now) for now in (100.0, 130.0, 160.0)] == [False, False, True]


def test_a_later_minute_counts_anew() -> None:
    """A client that is wrong now and then is not closed for it."""
    packets = BadPackets(2, 100.0)
    assert not packets.add(110.0)
    assert not packets.add(161.0)
    assert packets.add(162.0)
