"""Channels to a service, which may be several replicas: how its calls and its streams choose one.

Calls are spread over all replicas. A stream, and what has to reach the same replica as it, has a
channel of its own, which keeps to one until that goes.
"""

import json
from collections.abc import Sequence
from typing import Any

import grpc

Options = Sequence[tuple[str, Any]]

_OPTIONS: Options = (
    # A peer that is dead or frozen is noticed within eight seconds, also while no call is under
    # way. Servers forbid pings that come more often than every five.
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Also for how long a connection is tried, so that calls fail at once while nobody is there.
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Replicas that are new are found when a connection ends, and no sooner than after this.
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    # No ping for each message, to find out how much fits into the line: for these and their answers
    # the threads of an idle process woke up twice as often. So the window is a fixed one.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1024 * 1024),
)


def _policy(name: str, **settings: object) -> tuple[str, str]:
    return "grpc.service_config", json.dumps({"loadBalancingConfig": [{name: settings}]})


_SPREAD = (_policy("round_robin"),)
_KEPT = (
    # Shuffled, or all streams would go to the replica that the list names first.
    _policy("pick_first", shuffleAddressList=True),
    # Not the connection of another channel, whose replica may be the one that has just gone.
    ("grpc.use_local_subchannel_pool", 1),
)


def open_channel(target: str, options: Options = (), *, keeps: bool = False) -> grpc.aio.Channel:
    """Open a channel whose calls any replica at `target` may answer, or that `keeps` to one."""
    return grpc.aio.insecure_channel(target, options=options_of(options, keeps=keeps))


def options_of(options: Options, *, keeps: bool) -> list[tuple[str, Any]]:
    """Give the options of a channel that is opened in this way, with further ones."""
    return [*_OPTIONS, *(_KEPT if keeps else _SPREAD), *options]
