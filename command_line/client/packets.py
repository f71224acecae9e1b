"""The packets that the command line sends and shows, by number and name.

The protocol's own table is the edge's; a client knows it only as documented, so this one is kept
by hand and a test compares the two.
"""

from enum import IntEnum


class Opcode(IntEnum):
    """The number of each packet; its name as documented is `title`."""

    PING = 0x01
    PONG = 0x02
    HELLO = 0x03
    ERROR = 0x04
    ASK_CONVERSATIONS = 0x05
    RETURN_CONVERSATIONS = 0x06
    CREATE_MSG = 0x07
    STATUS_MSG = 0x08
    OPENED_CONVERSATION = 0x09
    ASK_MESSAGES = 0x0A
    RETURN_MESSAGES = 0x0B
    RESUME = 0x0C
    RESUMED = 0x0D
    RENEW_TOKEN = 0x0E
    RECONNECT = 0x0F
    ALERT_NEW_MSG = 0x10
    MSG_SEEN = 0x11
    TYPING = 0x12
    PRESENCE = 0x13
    EDIT_MSG = 0x14
    DELETE_MSG = 0x15
    MSG_CHANGED = 0x16
    UPDATE_CONVERSATION_DATAS = 0xE0
    SERVICE_CREATED = 0xE1
    NOTE_SUBMITTED = 0xE2
    LITIGE_CREATED = 0xE3
    SERVICE_TERMINATED = 0xE4
    PRICE_EDITED = 0xE5
    NEGOTIATION_END = 0xE6
    BLOCK_USER = 0xF9
    SANCTION = 0xFA
    APPEAL = 0xFB
    LITIGE_STATEMENT = 0xFC
    REPORT_STATUS = 0xFD
    REPORT_CONVERSATIONS = 0xFE
    REPORT_MSG = 0xFF

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")


def title(number: int) -> str:
    """The name of a packet; packets newer than this table are shown by number alone."""
    try:
        return Opcode(number).title
    except ValueError:
        return "(unknown)"
