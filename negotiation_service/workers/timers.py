"""The timers of deals: the loop that fires them when they are due."""

from negotiation_service.domain.commands import FireTimers
from negotiation_service.operations.runner import Answer, Task
from negotiation_service.settings import NegotiationSettings
from negotiation_service.storage import deals
from service_kit.resources import Resources
from service_kit.rules import Refusal
from service_kit.storage.writer import Operation
from service_kit.timers import Schedule, Timers


def deal_timers(
    resources: Resources[NegotiationSettings], carry_out: Operation[Task, Answer | Refusal]
) -> Timers[Answer]:
    """Make the loop; it fires timers by the same operation that carries out commands."""
    schedule = Schedule("timers", deals.find_due, deals.find_next_due, _fire, carry_out, _fired)
    return Timers(
        schedule,
        resources.writer,
        resources.readers,
        batch=resources.settings.timers_batch,
        max_sleep_seconds=resources.settings.timers_max_sleep_seconds,
        elsewhere=resources.elsewhere,
        reached=resources.limits.reached,
        registry=resources.registry,
    )


def _fire(service: str) -> Task:
    return Task(FireTimers(service))


def _fired(answer: Answer) -> list[tuple[str, int]]:
    return [(str(event.timer), event.at) for event in answer.events]
