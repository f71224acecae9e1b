"""The environment in which Alembic runs the migrations of this database."""

# Their tables are among the metadata.
from messaging_service import block_storage, change_storage, presence_storage  # noqa: F401
from messaging_service.storage import metadata
from service_kit.storage.migrations import run_environment

run_environment(metadata)
