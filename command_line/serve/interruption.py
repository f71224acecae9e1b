"""Signals that stop the program: the first asks to stop, a second Ctrl-C kills at once."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interruption:
    """Records whether a signal asked to stop, and whether another insisted."""

    def __init__(self, insist: Callable[[], None]) -> None:
        self.asked = asyncio.Event()
        self.insisted = False
        self._insist = insist

    def signalled(self, number: signal.Signals) -> None:
        """Records a signal."""
        if not self.asked.is_set():
            self.asked.set()
        elif number is signal.SIGINT:
            self.insisted = True
            self._insist()


@contextmanager
def interruption(insist: Callable[[], None]) -> Iterator[Interruption]:
    """Handles SIGINT, SIGTERM and SIGHUP as requests to stop; a second SIGINT calls `insist`."""
    loop = asyncio.get_running_loop()
    handled = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # Under nohup the terminal's end is to be ignored, so it is left so.
        handled.append(signal.SIGHUP)
    asked = Interruption(insist)
    for number in handled:
        loop.add_signal_handler(number, asked.signalled, number)
    try:
        yield asked
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
