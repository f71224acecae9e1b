"""The settings of the messaging service, from `PARLEY_MESSAGING_*` in the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from messaging_service.domain.limits import MINUTE, Limits, Opening
from service_kit.process.settings import Address, Count, Days, ServiceSettings
from service_kit.process.targets import Target


class MessagingSettings(ServiceSettings):
    """Limits are counts; text and subjects are measured in characters."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_MESSAGING_")

    listen: Address = "127.0.0.1:7101"
    # host:port of the negotiation service, and a file with a credential that it accepts. None: that
    # service is not deployed, and nothing of it stands in the conversations.
    negotiation_target: Target | None = None
    negotiation_credential_file: Path | None = None
    # The same of the moderation service. None: it is not deployed, and nothing new is forbidden.
    moderation_target: Target | None = None
    moderation_credential_file: Path | None = None
    opening: Opening = Opening.ANYONE
    openings_per_hour: Count = 60
    text_limit: Count = 4_000
    subject_limit: Count = 200
    edit_minutes: Count = 15
    edits_per_message: Count = 20
    evidence_days: Count = 180
    # After which a resume may be told that it is not complete.
    changes_days: Days = 90
    blocks_per_user: Count = 1_000
    blocks_page: Count = 100
    conversations_page: Count = 100
    messages_page: Count = 200
    messages_bytes: Count = 256 * 1024
    typing_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    typing_people: Count = 100_000
    presence: bool = True
    presence_absence_seconds: Annotated[float, Field(gt=0, le=3_600)] = 10.0
    presence_conversations: Count = 500
    presence_to_strangers: bool = False
    presence_days: Days = 365
    presence_people: Count = 200_000
    presence_batch: Count = 500

    def presence_limit(self) -> int:
        """Give in how many conversations a person's presence is shown; 0 when it is off."""
        return self.presence_conversations if self.presence else 0

    def limits(self) -> Limits:
        """Give the limits that the rules know."""
        return Limits(
            opening=self.opening,
            openings_per_hour=self.openings_per_hour,
            text=self.text_limit,
            subject=self.subject_limit,
            edit_window=self.edit_minutes * MINUTE,
            edits_per_message=self.edits_per_message,
            blocks_per_user=self.blocks_per_user,
            presence_to_strangers=self.presence_to_strangers,
        )
