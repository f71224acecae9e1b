"""The events of a revision as bytes, in the messages of a service's contract.

A batch is a WatchResponse, as a watcher would be told: so an event comes to a replica of another
version as to a client of another version, with the words that it does not know yet.
"""

from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from service_kit.storage.announcements import Announcement
from service_kit.storage.writer import Events, Transaction
from service_kit.watch.hub import Encode, HeardEvent


class Batches:
    """Makes batches of events and back, for the service of a contract. For use in any thread."""

    def __init__(
        self, contract: ServiceDescriptor, encode: Encode, encode_for_everything: Encode | None
    ) -> None:
        self._message: Any = GetMessageClass(contract.methods_by_name["Watch"].output_type)
        self._encode = encode
        self._encode_for_everything = encode_for_everything

    def announcement(self, transaction: Transaction) -> Announcement:
        """Make what is told of a transaction. Raises whatever the contract's words make it."""
        events, everything = transaction.events, None
        if self._encode_for_everything is not None:
            everything = self._bytes(events, self._encode_for_everything)
        return Announcement(transaction.revision, transaction.now, self.encode(events), everything)

    def encode(self, events: Events) -> bytes:
        """Make a batch of events, for those who follow their recipients."""
        return self._bytes(events, self._encode)

    def decode(self, events: bytes, everything: bytes | None = None) -> Events:
        """Make events of a batch, each a HeardEvent. Raises ValueError for one that is none."""
        told = self._message.FromString(events).events
        all_told = told if everything is None else self._message.FromString(everything).events
        return [
            (tuple(one.recipients), HeardEvent(one, other))
            for one, other in zip(told, all_told, strict=True)
        ]

    def _bytes(self, events: Events, encode: Encode) -> bytes:
        encoded = [encode(recipients, event) for recipients, event in events]
        made: bytes = self._message(events=encoded).SerializeToString()
        return made
