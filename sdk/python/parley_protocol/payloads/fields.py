"""Types of fields that payloads of all areas share."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Identifier = Annotated[str, Meta(min_length=1, max_length=128)]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=64)]
Seq = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Cursor = Annotated[str, Meta(max_length=1024)]
# The `next` of the page before.
PageToken = Annotated[str, Meta(max_length=1024)]
# What a service can be asked at all; which of them are good is its own to say.
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Score = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]

# In the place of a word that a service of a newer release says and this edge does not know.
Unspecified = Literal["unspecified"]


class Money(Struct, frozen=True):
    """An amount in minor units of its currency: 120.50 euros are 12050 of EUR."""

    amount_minor: Integer
    currency: str


class Settlement(Struct, frozen=True):
    """A division of the agreed price between the parties, in minor units of its currency."""

    provider_minor: Integer
    client_minor: Integer
