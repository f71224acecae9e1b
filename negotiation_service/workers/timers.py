"""The timers of deals: fires what is due."""

from negotiation_service.domain.commands import FireTimers
from negotiation_service.operations.runner import Answer, Task
from negotiation_service.settings import NegotiationSettings
from negotiation_service.storage import deals
from service_kit.resources import Resources
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation
from service_kit.timers import Schedule, Timers


def timers(
    resources: Resources[NegotiationSettings], carry_out: Operation[Task, Answer | Refusal]
) -> Timers[Answer]:
    """Make the loop that fires the timers of all deals by the operation."""
    schedule = Schedule("timers", deals.find_due, deals.find_next_due, _fire, carry_out, _fired)
    return Timers(
        schedule,
        resources.writer,
        resources.readers,
        batch=resources.settings.timers_batch,
        max_sleep_seconds=resources.settings.timers_max_sleep_seconds,
        reached=resources.limits.reached,
        registry=resources.registry,
    )


def _fire(service: str) -> Task:
    return Task(FireTimers(service))


def _fired(answer: Answer) -> list[tuple[str, int]]:
    return [(str(event.timer), event.at) for event in answer.events]
