"""The environment in which Alembic runs the migrations of a tally's database."""

from service_kit.storage.migrations import run_environment
from tests.support.tally.service import metadata

run_environment(metadata)
