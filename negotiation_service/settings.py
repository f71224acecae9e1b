"""The settings of the negotiation service, from `PARLEY_NEGOTIATION_*` in the environment."""

from pathlib import Path
from typing import Annotated, Self

from iso4217 import Currency, raw_xml
from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from negotiation_service.domain.limits import DAY, HOUR, MINUTE, Limits
from service_kit.process.settings import (
    Address,
    Count,
    Days,
    Hours,
    Minutes,
    Seconds,
    ServiceSettings,
)
from service_kit.process.targets import Target

# JSON's numbers are exact up to here in every client.
Price = Annotated[int, Field(ge=1, le=2**53 - 1)]
LowestPrice = Annotated[int, Field(ge=0, le=2**53 - 1)]

# Units in which accounts are kept, and which ISO 4217 does not mark as such.
_UNITS_OF_ACCOUNT = frozenset({"XAD", "UYW"})


class NegotiationSettings(ServiceSettings):
    """The settings. Limits are counts, or characters of texts; each duration names its unit."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_NEGOTIATION_")

    listen: Address = "127.0.0.1:7102"

    messaging_target: Target = "127.0.0.1:7101"
    # Which messaging accepts; what this service accepts itself stands in `credentials_file`.
    messaging_credential_file: Path | None = None
    messaging_timeout_seconds: Seconds = 1.0

    # host:port of the moderation service, and a file with a credential that it accepts. None: it is
    # not deployed, and nothing new is forbidden.
    moderation_target: Target | None = None
    moderation_credential_file: Path | None = None

    # 0 allows services that are free.
    min_price_minor: LowestPrice = 1
    max_price_minor: Price = 10**12
    rounds_limit: Count = 50
    amendments_limit: Count = 50
    reopenings_limit: Count = 3
    disputes_limit: Count = 5
    submissions_limit: Count = 100
    # New ones of one conversation.
    services_per_hour: Count = 60
    title_limit: Count = 120
    description_limit: Count = 4_000
    offer_note_limit: Count = 500
    reason_limit: Count = 500
    comment_limit: Count = 2_000

    offer_hours: Hours = 48.0
    min_offer_minutes: Minutes = 5.0
    max_offer_days: Days = 14.0
    delivery_days: Days = 30.0
    completion_days: Days = 7.0
    cancellation_hours: Hours = 48.0
    dispute_days: Days = 14.0
    notes_days: Days = 14.0
    offer_reminder_hours: Hours = 6.0
    delivery_reminder_hours: Hours = 72.0
    completion_reminder_hours: Hours = 24.0
    cancellation_reminder_hours: Hours = 6.0

    timers_batch: Count = 500
    timers_max_sleep_seconds: Seconds = 10.0

    services_page: Count = 100
    events_page: Count = 200

    @model_validator(mode="after")
    def _check_credential(self) -> Self:
        self.check_shown("messaging", self.messaging_credential_file)
        return self

    @model_validator(mode="after")
    def _check_prices(self) -> Self:
        if self.min_price_minor > self.max_price_minor:
            raise ValueError("MIN_PRICE_MINOR is more than MAX_PRICE_MINOR")
        return self

    @model_validator(mode="after")
    def _check_offers(self) -> Self:
        limits = self.limits()
        if not limits.min_offer_ttl <= limits.offer_ttl <= limits.max_offer_ttl:
            raise ValueError("OFFER_HOURS is not between MIN_OFFER_MINUTES and MAX_OFFER_DAYS")
        return self

    def limits(self) -> Limits:
        """Give the limits that the rules know."""
        return Limits(
            currencies=load_currencies(),
            moderation=self.moderation_target is not None,
            min_price=self.min_price_minor,
            max_price=self.max_price_minor,
            rounds=self.rounds_limit,
            amendments=self.amendments_limit,
            reopenings=self.reopenings_limit,
            disputes=self.disputes_limit,
            submissions=self.submissions_limit,
            services=self.services_per_hour,
            title=self.title_limit,
            description=self.description_limit,
            offer_note=self.offer_note_limit,
            reason=self.reason_limit,
            comment=self.comment_limit,
            offer_ttl=int(self.offer_hours * HOUR),
            min_offer_ttl=int(self.min_offer_minutes * MINUTE),
            max_offer_ttl=int(self.max_offer_days * DAY),
            delivery=int(self.delivery_days * DAY),
            completion=int(self.completion_days * DAY),
            cancellation=int(self.cancellation_hours * HOUR),
            dispute=int(self.dispute_days * DAY),
            notes=int(self.notes_days * DAY),
            offer_reminder=int(self.offer_reminder_hours * HOUR),
            delivery_reminder=int(self.delivery_reminder_hours * HOUR),
            completion_reminder=int(self.completion_reminder_hours * HOUR),
            cancellation_reminder=int(self.cancellation_reminder_hours * HOUR),
        )


def load_currencies() -> dict[str, int]:
    """Give each currency that people pay with, by its code, with its number of decimals.

    Of the list of active codes of ISO 4217 (list one, published by SIX as the maintenance agency,
    in the copy of the package iso4217) these are the codes with a minor unit that the list does not
    mark as funds (`IsFund`: USN, CHE, CHW, CLF and the like) and that are no units of account.
    Metals, test codes and "no currency" have no minor unit.
    """
    funds = {
        entry.findtext("Ccy")
        for entry in raw_xml.iterfind("CcyTbl/CcyNtry")
        if (name := entry.find("CcyNm")) is not None and name.get("IsFund") == "true"
    }
    return {
        currency.code: exponent
        for currency in Currency
        if (exponent := currency.exponent) is not None
        and currency.code not in funds | _UNITS_OF_ACCOUNT
    }
