"""What is told into messages of the contract: to those who follow the people, and to services.

Watchers of everything are told no words that people wrote, and see no evidence.
"""

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import translation
from moderation_service.domain.dispute.views import INTERNAL
from moderation_service.operations.changes import TellTo
from moderation_service.operations.history import (
    AppealStatusChanged,
    ConversationLockChanged,
    DisputeChanged,
    MessageRemovalChanged,
    ReportStatusChanged,
    Sanctioned,
    SanctionLifted,
    StandingChanged,
)
from service_kit.storage.clock import Position
from service_kit.watch.changes import Change


def watch_response(watcher_id: str, position: Position, events: list[pb.Event]) -> pb.WatchResponse:
    """Translate what a watcher is told at once; the hub has its events translated already."""
    return pb.WatchResponse(
        watcher_id=watcher_id, position=translation.position(position), events=events
    )


def event(recipients: tuple[str, ...], told: object) -> pb.Event:
    """Translate an event for those who follow its recipients."""
    return _event(recipients, told, words=True)


def event_of_everything(recipients: tuple[str, ...], told: object) -> pb.Event:
    """Translate an event for a watcher of everything."""
    return _event(recipients, told, words=False)


def change(given: Change[TellTo], user: str) -> pb.ListChangesResponse.Change:
    """Translate the events of one revision, for one user or for an internal service."""
    return pb.ListChangesResponse.Change(
        revision=given.revision,
        events=[_event(recipients, told, words=bool(user)) for recipients, told in given.events],
    )


def _event(recipients: tuple[str, ...], told: object, *, words: bool) -> pb.Event:
    made = pb.Event(recipients=recipients)
    match told:
        case ReportStatusChanged():
            report = translation.report(told.report, words=words)
            made.report_status_changed.report.CopyFrom(report)
        case Sanctioned():
            made.sanctioned.sanction.CopyFrom(translation.sanction(told.sanction, words=words))
        case SanctionLifted():
            made.sanction_lifted.sanction.CopyFrom(translation.sanction(told.sanction, words=words))
        case AppealStatusChanged():
            appeal = translation.appeal(told.appeal, words=words)
            made.appeal_status_changed.appeal.CopyFrom(appeal)
        case DisputeChanged():
            readers = recipients if words else (INTERNAL,)
            made.dispute_changed.cause = told.cause
            made.dispute_changed.views.extend(
                translation.dispute(told.view(one)) for one in readers
            )
        case StandingChanged():
            made.standing_changed.standing.CopyFrom(
                translation.standing(told.standing, words=words)
            )
        case ConversationLockChanged():
            made.conversation_lock_changed.conversation_id = told.conversation
            made.conversation_lock_changed.locked = told.locked
        case MessageRemovalChanged():
            made.message_removal_changed.conversation_id = told.conversation
            made.message_removal_changed.message_id = told.message
            made.message_removal_changed.removed = told.removed
        case _:
            raise TypeError(f"not an event of this service: {type(told).__name__}")
    return made
