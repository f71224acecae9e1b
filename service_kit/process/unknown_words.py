"""Words of a contract that another release has added: passed over, logged once each and counted.

Parts are updated one after the other, so each meets words that are newer than itself. A mapping of
an enumeration or of a oneof that is read here is total: it never raises for what it does not know.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

import structlog
from google.protobuf.message import Message
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

Word = TypeVar("Word")

_logger = structlog.get_logger(__name__)

# Of this process, as what is logged is: what reads a word is a pure function of its message, called
# from everywhere. The fields of contracts bound it, and for each the numbers that are told apart.
_met: Counter[str] = Counter()
_logged: set[tuple[str, int]] = set()
_MOST_LOGGED = 1_000


def note_unknown(field: str, number: int = 0) -> None:
    """Count a word that is not known here, by the full name of its enumeration or oneof.

    It is logged the first time. Of a oneof, whose fields have no number here, it is 0.
    """
    _met[field] += 1
    if (field, number) not in _logged and len(_logged) < _MOST_LOGGED:
        _logged.add((field, number))
        _logger.warning("a word of a newer release is not known here", of=field, number=number)


class Words(dict[int, Word], Generic[Word]):
    """The meanings of the numbers of an enumeration. One that is unknown means `unknown`."""

    def __init__(self, enumeration: str, meanings: Mapping[int, Word], unknown: Word) -> None:
        super().__init__(meanings)
        self._enumeration = enumeration
        self.unknown = unknown

    def __missing__(self, number: int) -> Word:
        # The number of UNSPECIFIED says nothing new.
        if number:
            note_unknown(self._enumeration, number)
        return self.unknown


def which(message: Message, oneof: str) -> str | None:
    """Tell which field of a oneof is set; None, and noted, for one that is not known here."""
    found: str | None = message.WhichOneof(oneof)
    if found is None:
        note_unknown(f"{message.DESCRIPTOR.full_name}.{oneof}")
    return found


class UnknownWords(Collector):
    """The counter of all unknown words that this process has met, by what they are words of."""

    def __init__(self, prefix: str = "") -> None:
        self._name = f"{prefix}unknown_words"

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Show what was met until now."""
        family = CounterMetricFamily(
            self._name,
            "Words of a newer release that were passed over, by their enumeration.",
            labels=["of"],
        )
        for field, count in sorted(_met.items()):
            family.add_metric([field], count)
        yield family
