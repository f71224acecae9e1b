"""The vocabulary between packets and contracts: names of fields, words, times, money."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Protocol, TypeVar, get_type_hints

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import UNSET, Struct, UnsetType

from parley_protocol.broken_payloads import structure_of
from parley_protocol.packets import InvalidPayloadError
from parley_protocol.payloads.fields import Money, Settlement
from service_kit.process.unknown_words import Words

Request = TypeVar("Request", bound=Message)
Payload = TypeVar("Payload")

# Fields of payloads that a contract calls otherwise; all others have the same name in both.
_FIELDS: Mapping[str, str] = {
    "after": "after_seq",
    "before": "before_seq",
    "claim.refund": "refund",
    "conversation": "conversation_id",
    "decision": "decision_id",
    "dispute": "dispute_id",
    "limit": "page_size",
    "message": "message_id",
    "offer_ttl_s": "offer_ttl_seconds",
    "page": "page_token",
    "service": "service_id",
    "settlement": "propose",
}
_PAYLOAD_FIELDS = {contract: payload for payload, contract in _FIELDS.items()}


def payload_field(path: str) -> str:
    """Translate the path of a contract's field, such as requests[3].conversation_id."""
    first, dot, rest = path.rpartition("].")[2].partition(".")
    return _PAYLOAD_FIELDS.get(first, first) + dot + rest


_Convert = Callable[[str, Any], Any]
# A payload's field, the contract's, the path of the former for people, and how its value is
# translated; None: it is the same in both.
_Step = tuple[str, str, str, _Convert | None]


def request_of(
    message_type: type[Request], payload: Struct, actor: str, origin: str = ""
) -> Request:
    """Translate a payload into a message of a contract, in the name of `actor`.

    `origin` is the session that asks, where the contract has a field for it.
    Raises InvalidPayloadError for a text that no contract can carry.
    """
    values = {"actor": actor, "origin": origin} if origin else {"actor": actor}
    return message_type(**_fill(values, _steps(message_type.DESCRIPTOR, type(payload)), payload))


def _fill(values: dict[str, Any], steps: tuple[_Step, ...], payload: Struct) -> dict[str, Any]:
    for name, field, path, convert in steps:
        value = getattr(payload, name)
        # False is left out as well: in a oneof it would choose its side.
        if value is not UNSET and value is not False:
            values[field] = value if convert is None else convert(path, value)
    return values


@cache
def _steps(message: Descriptor, payload: type[Struct], prefix: str = "") -> tuple[_Step, ...]:
    """Find where each field of a payload goes, once for each type. Raises KeyError for nowhere."""
    return tuple(_find_steps(message, payload, prefix))


def _find_steps(message: Descriptor, payload: type[Struct], prefix: str) -> Iterator[_Step]:
    hints = get_type_hints(payload)
    for name in payload.__struct_fields__:
        path = prefix + name
        target = _FIELDS.get(path, name)
        structure = structure_of(hints[name])
        if structure is not None and target not in message.fields_by_name:
            # The fields of this structure stand in the contract's message itself.
            for inner, found, inner_path, convert in _steps(message, structure, f"{path}."):
                yield name, found, inner_path, _inside(inner, convert)
        else:
            field = message.fields_by_name[target]
            yield name, target, path, _converter(field, structure, path)


def _inside(name: str, convert: _Convert | None) -> _Convert:
    def convert_inner(path: str, value: Any) -> Any:
        inner = getattr(value, name)
        return inner if convert is None else convert(path, inner)

    return convert_inner


def _converter(
    field: FieldDescriptor, structure: type[Struct] | None, path: str
) -> _Convert | None:
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text
    if field.type == FieldDescriptor.TYPE_ENUM:
        numbers = {word: number for number, word in words(field.enum_type).items()}
        return lambda _path, word: numbers[word]
    if structure is not None:
        steps = _steps(field.message_type, structure, f"{path}.")
        return lambda _path, value: _fill({}, steps, value)
    return None


def _text(path: str, value: str) -> str:
    """Check a text: JSON can spell lone surrogates, which UTF-8 can not carry."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidPayloadError(path, "holds text that is not valid Unicode") from None
    return value


UNSPECIFIED = "unspecified"
"""The word of packets for one that this edge does not know yet, or that a service left out."""


@cache
def words(enumeration: EnumDescriptor) -> Words[Any]:
    """The values of a contract's enumeration in the words of packets: SANCTION_KIND_MUTED of
    SanctionKind is "muted".
    """
    prefix = enumeration.values_by_number[0].name.removesuffix(UNSPECIFIED.upper())
    meanings = {
        value.number: value.name.removeprefix(prefix).lower()
        for value in enumeration.values
        if value.number
    }
    return Words(enumeration.full_name, meanings, UNSPECIFIED)


# Everything in one commit bears one time, and each message of it is shown several times.
@lru_cache(maxsize=1024)
def _format_time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp(value: Timestamp) -> str:
    """A time as packets show it: RFC 3339 in UTC with milliseconds."""
    return _format_time(value.seconds * 1000 + value.nanos // 1_000_000)


def optional(
    message: Message, field: str, convert: Callable[[Any], Payload]
) -> Payload | UnsetType:
    """Translate a field of a contract's message that may be absent."""
    return convert(getattr(message, field)) if message.HasField(field) else UNSET


class _Money(Protocol):
    amount_minor: int
    currency: str


class _Settlement(Protocol):
    provider_minor: int
    client_minor: int


def money(value: _Money) -> Money:
    """Translate an amount, which each contract has a message for."""
    return Money(value.amount_minor, value.currency)


def settlement(value: _Settlement) -> Settlement:
    """Translate a settlement, which each contract has a message for."""
    return Settlement(value.provider_minor, value.client_minor)
