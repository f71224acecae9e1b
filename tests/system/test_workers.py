"""How tests are spread over workers."""

import pytest

from tests.support.system import System


def test_whoever_shares_a_system_is_on_one_worker(
    request: pytest.FixtureRequest, shared_system: System
) -> None:
    """Or each worker would start one of its own, and the others would wait for the processor."""
    assert shared_system.edge_port
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("there are no groups where tests are not spread over workers")
    assert request.node.nodeid.endswith("@shared_system")
