"""Why people report, how grave each reason is, and why they dispute."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """The gravity of a case; the graver, the sooner it is due."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    CRITICAL = 4


class ReportReason(StrEnum):
    """Why something is reported, as packets say it."""

    SPAM = "spam"
    SCAM = "scam"
    HARASSMENT = "harassment"
    HATE = "hate"
    SEXUAL = "sexual"
    VIOLENCE = "violence"
    SELF_HARM = "self_harm"
    ILLEGAL_GOODS = "illegal_goods"
    OFF_PLATFORM_PAYMENT = "off_platform_payment"
    IMPERSONATION = "impersonation"
    PRIVACY = "privacy"
    OTHER = "other"


class DisputeReason(StrEnum):
    """Why a party disputes a service, as packets say it."""

    NOT_DELIVERED = "not_delivered"
    NOT_AS_AGREED = "not_as_agreed"
    QUALITY = "quality"
    PAYMENT = "payment"
    NO_SHOW = "no_show"
    OTHER = "other"


# Life and limb before people's safety, that before money and order.
SEVERITIES: Mapping[ReportReason, Severity] = {
    ReportReason.SELF_HARM: Severity.CRITICAL,
    ReportReason.VIOLENCE: Severity.CRITICAL,
    ReportReason.HARASSMENT: Severity.HIGH,
    ReportReason.HATE: Severity.HIGH,
    ReportReason.SEXUAL: Severity.HIGH,
    ReportReason.SCAM: Severity.HIGH,
    ReportReason.ILLEGAL_GOODS: Severity.HIGH,
    ReportReason.PRIVACY: Severity.HIGH,
    ReportReason.IMPERSONATION: Severity.NORMAL,
    ReportReason.OFF_PLATFORM_PAYMENT: Severity.NORMAL,
    ReportReason.SPAM: Severity.NORMAL,
    ReportReason.OTHER: Severity.LOW,
}
