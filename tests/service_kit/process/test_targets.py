"""Where services are reached: one address, a name of several replicas, a list."""

import pytest

from service_kit.process.targets import check_target


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:7101",
        "messaging:7101",
        "[::1]:7101",
        "dns:///parley-messaging.parley.svc:7101",
        "dns://10.0.0.53/messaging:7101",
        "ipv4:127.0.0.1:7101",
        "ipv4:127.0.0.1:7101,127.0.0.1:7111",
        "ipv6:[::1]:7101,[fd00::2]:7101",
    ],
)
def test_targets(target: str) -> None:
    """They go to gRPC as they are."""
    assert check_target(target) == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "messaging",
        "messaging:port",
        "messaging:0",
        "messaging:70000",
        "127.0.0.1:7101,127.0.0.1:7111",
        "ipv4:messaging:7101",
        "ipv4:127.0.0.1:7101,",
        "ipv4:127.0.0.1:7101, 127.0.0.1:7111",
        "ipv4:127.0.0.1:7101,127.0.0.1:7101",
        "ipv6:127.0.0.1:7101",
        "http://messaging:7101",
        "dns:///",
        "unix:/run/messaging",
    ],
)
def test_what_is_no_target(target: str) -> None:
    """It is refused with what may be written, or with what stands there twice."""
    with pytest.raises(ValueError, match=r"write host:port|twice"):
        check_target(target)
