"""The images, each built once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.images import Image


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give what needs the images or the secrets to one worker, which makes them once."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        if item.path.parent == Path(__file__).parent and {"image", "documented_secrets"} & {*names}:
            item.add_marker(pytest.mark.xdist_group("deployment"))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Image]:
    """Gives the image of a part, which nobody changes."""
    return cache(lambda part: Image(part, tmp_path_factory.mktemp("image") / part))
