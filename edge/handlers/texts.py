"""Texts of packets, as a contract can carry them."""

from msgspec import UNSET, UnsetType

from edge.protocol.packets import InvalidPayloadError


def text_of(field: str, value: str | UnsetType) -> str:
    """A text for the contract. JSON can spell lone surrogates, which UTF-8 can not carry."""
    if value is UNSET:
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidPayloadError(field, "holds text that is not valid Unicode") from None
    return value
