"""The environment in which Alembic runs the migrations of this database."""

from messaging_service.storage.tables import metadata
from service_kit.storage.migrations import run_environment

run_environment(metadata)
