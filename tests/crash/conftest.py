"""Fixtures of the tests of the checker."""

import pytest

from tests.crash.deal_case import Case


@pytest.fixture
def case() -> Case:
    """A deal from its proposal to the notes of both."""
    return Case()
