"""Enumerations of a contract beside those of the rules, translated both ways by their names."""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Generic, Protocol, TypeVar

from google.protobuf.descriptor import EnumDescriptor

from service_kit.rpc.failures import Refused
from service_kit.rules import invalid

Meaning = TypeVar("Meaning", bound=Enum)
Number = TypeVar("Number", bound=int)
Number_co = TypeVar("Number_co", bound=int, covariant=True)


class Contract(Protocol[Number_co]):
    """An enumeration as Protocol Buffers generates it."""

    @property
    def DESCRIPTOR(self) -> EnumDescriptor: ...  # noqa: N802, the generated name

    def Value(self, name: str) -> Number_co: ...  # noqa: N802, the generated name


class Enumeration(Generic[Meaning, Number]):
    """The values of an enumeration: `SCAM` of the rules is `REPORT_REASON_SCAM` of ReportReason."""

    def __init__(self, contract: Contract[Number], meanings: Iterable[Meaning]) -> None:
        prefix = re.sub(r"\B(?=[A-Z])", "_", contract.DESCRIPTOR.name).upper()
        self._numbers = {one: contract.Value(f"{prefix}_{one.name}") for one in meanings}
        self._meanings: dict[int, Meaning] = {number: one for one, number in self._numbers.items()}

    def encode(self, meaning: Meaning) -> Number:
        """Give the value of the contract."""
        return self._numbers[meaning]

    def decode(self, field: str, number: int) -> Meaning:
        """Give the value of a field of a request; a missing or unknown one ends the call."""
        found = self.decode_optional(field, number)
        if found is None:
            raise Refused(invalid(field, "is missing"))
        return found

    def decode_optional(self, field: str, number: int) -> Meaning | None:
        """Give the value of a field that may be missing; an unknown one ends the call."""
        if number == 0:
            return None
        if number not in self._meanings:
            raise Refused(invalid(field, "has a value that nobody knows"))
        return self._meanings[number]
