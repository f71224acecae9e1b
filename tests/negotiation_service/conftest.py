"""How long the rules are tried out: a few thousand steps, or with the profile nightly many more."""

import os

import pytest
from hypothesis import settings

settings.register_profile("nightly", max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def profile() -> str:
    """The name of the profile of Hypothesis that is asked for."""
    return settings.get_current_profile_name()
