"""Events into messages of the contract: for those who follow people, and for services.

Watchers of everything are told no words that people wrote, and see no evidence.
"""

from collections.abc import Sequence

from parley.moderation.v1 import moderation_pb2 as pb

from moderation_service.api import case_translation, dispute_translation
from moderation_service.domain.dispute.views import INTERNAL
from moderation_service.operations import notifications
from moderation_service.operations.changes import Addressed


def event(recipients: tuple[str, ...], told: object) -> pb.Event:
    """Translate an event for those who follow its recipients."""
    return _event(recipients, told, words=True)


def event_of_everything(recipients: tuple[str, ...], told: object) -> pb.Event:
    """Translate an event for a watcher of everything."""
    return _event(recipients, told, words=False)


def changes(given: Sequence[Addressed], user: str) -> list[pb.Event]:
    """Translate the events of one revision, for one user or for an internal service."""
    return [_event(recipients, told, words=bool(user)) for recipients, told in given]


def _event(recipients: tuple[str, ...], told: object, *, words: bool) -> pb.Event:
    made = _translate(recipients, told, words=words)
    made.recipients.extend(recipients)
    return made


def _translate(recipients: tuple[str, ...], told: object, *, words: bool) -> pb.Event:
    match told:
        case notifications.ReportStatusChanged(report):
            status = pb.ReportStatusChanged(report=case_translation.report(report, words=words))
            return pb.Event(report_status_changed=status)
        case notifications.Sanctioned(sanction):
            shown = case_translation.sanction(sanction, words=words)
            return pb.Event(sanctioned=pb.Sanctioned(sanction=shown))
        case notifications.SanctionLifted(sanction):
            shown = case_translation.sanction(sanction, words=words)
            return pb.Event(sanction_lifted=pb.SanctionLifted(sanction=shown))
        case notifications.AppealStatusChanged(appeal):
            changed = pb.AppealStatusChanged(appeal=case_translation.appeal(appeal, words=words))
            return pb.Event(appeal_status_changed=changed)
        case notifications.DisputeChanged():
            readers = recipients if words else (INTERNAL,)
            views = [dispute_translation.dispute(told.view(one)) for one in readers]
            return pb.Event(dispute_changed=pb.DisputeChanged(cause=told.cause, views=views))
        case notifications.StandingChanged(standing):
            stands = pb.StandingChanged(standing=case_translation.standing(standing, words=words))
            return pb.Event(standing_changed=stands)
        case notifications.ConversationLockChanged(conversation, locked):
            lock = pb.ConversationLockChanged(conversation_id=conversation, locked=locked)
            return pb.Event(conversation_lock_changed=lock)
        case notifications.MessageRemovalChanged():
            removal = pb.MessageRemovalChanged(
                conversation_id=told.conversation,
                message_id=told.message,
                removed=told.removed,
                service_id=told.service,
                number=told.number,
                removed_authors=told.removed_authors,
                restored_authors=told.restored_authors,
            )
            return pb.Event(message_removal_changed=removal)
        case notifications.CaseChanged():
            return pb.Event(case_changed=case_translation.case_changed(told))
    raise TypeError(f"not an event of this service: {type(told).__name__}")
