"""Parley with traces that are collected."""

TRACED = "traced"
_PARTS = ("EDGE", "MESSAGING", "NEGOTIATION", "MODERATION")


def environment(endpoint: str, sample_rate: float) -> dict[str, str]:
    """The environment of parts that send to a collector at `endpoint`."""
    told = {f"PARLEY_{part}_TRACES_ENDPOINT": endpoint for part in _PARTS}
    return {**told, "PARLEY_EDGE_TRACES_SAMPLE_RATE": str(sample_rate)}
