"""The settings of traces, the same for every part."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

LIMITS = ("traces_waiting_spans", "traces_afterwards_per_second")
"""The settings below that are limits, each counted when it is reached."""

_PATH = "/v1/traces"


class TracingSettings(BaseSettings):
    """The base of the settings of a part that makes spans."""

    # The collector, by OTLP over HTTP. None: no spans are made.
    traces_endpoint: str | None = None
    # Whatever takes longer gets a span afterwards, as what fails does.
    traces_slow_seconds: Annotated[float, Field(gt=0, le=3_600)] = 1.0
    # Such spans: a flood of failures must not become one of spans.
    traces_afterwards_per_second: Annotated[float, Field(gt=0)] = 20
    # Spans that wait for the collector; more are dropped.
    traces_waiting_spans: Annotated[int, Field(ge=1)] = 4_096
    # Within which the collector takes what it is sent.
    traces_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 5.0

    @field_validator("traces_endpoint")
    @classmethod
    def _check_endpoint(cls, address: str | None) -> str | None:
        if address is None:
            return None
        try:
            parts = urlsplit(address)
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("write an address of http or https, such as http://collector:4318")
        return address if parts.path.strip("/") else address.rstrip("/") + _PATH

    @model_validator(mode="after")
    def _check_that_they_are_wanted(self) -> Self:
        """Refuse settings of traces that nobody collects."""
        given = sorted(name for name in self.model_fields_set if name.startswith("traces_"))
        if self.traces_endpoint is None and given:
            raise ValueError(f"{', '.join(given)} without traces_endpoint: no traces are made")
        return self


class SamplingSettings(TracingSettings):
    """The base of the settings of a part that people are connected to, where traces begin."""

    # The part of packets and requests whose trace is made from its beginning.
    traces_sample_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
