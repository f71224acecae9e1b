"""The environment in which Alembic runs the migrations of this database."""

# Their tables are among the metadata.
from messaging_service.storage import blocks, message_changes, presence  # noqa: F401
from messaging_service.storage.messages import metadata
from service_kit.storage.migrations import run_environment

run_environment(metadata)
