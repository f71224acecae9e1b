"""The environment in which Alembic runs the migrations of this database."""

from messaging_service import presence_storage  # noqa: F401, its tables are among the metadata
from messaging_service.storage import metadata
from service_kit.migrations import run_environment

run_environment(metadata)
