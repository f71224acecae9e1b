"""Messages that a client was shown, until it confirms them."""

from typing import NamedTuple


class Unconfirmed(NamedTuple):
    """A message whose delivery a PONG has yet to confirm, with a cursor of this revision or later.

    Of a page of history, the `page`th of this socket, the cursor has to be one from after it.
    """

    revision: int
    page: int
    conversation: str
    seq: int
