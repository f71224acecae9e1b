"""The garbage collector of a process that serves: it should look at what requests leave behind."""

import gc

# Requests make few reference cycles, so a collection that is rarer than Python's default of 700
# allocations finds as much and costs a fraction.
_YOUNG_OBJECTS = 20_000


def settle() -> None:
    """Call once all is built: what lives as long as the process is not looked at any more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
