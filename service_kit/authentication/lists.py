"""Lists in settings: items that commas separate in a variable."""

from pathlib import Path


def split_list(value: object) -> object:
    """Take the items of a list apart, which commas separate in a variable."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, Path) else value
