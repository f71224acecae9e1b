"""The Dockerfiles: what an image holds, and that it is enough and no more."""

import json
from collections.abc import Callable

import pytest

from tests.support.compose import read_compose
from tests.support.images import ROOT, Dockerfile, Image, import_main, pins

# What the edge serves and speaks, and what the desk serves.
SERVED = {
    "edge": {"docs/asyncapi.html", "docs/asyncapi.json", "sdk/python/parley_protocol"},
    "desk": {"docs/desk-openapi.json"},
}
# Each part that has an image, with a service of compose that runs it.
SERVICES = {
    str(service["build"]["dockerfile"]).removesuffix("/Dockerfile"): service
    for name, service in read_compose()["services"].items()
    if "build" in service and not name.endswith(("-migrate", "-2"))
}
every_part = pytest.mark.parametrize("part", SERVICES)


def test_every_image_is_run() -> None:
    """There is no Dockerfile that compose does not know."""
    assert {path.parent.name for path in ROOT.glob("*/Dockerfile")} == set(SERVICES)


@every_part
def test_an_image_copies_its_own_folders(part: str) -> None:
    """All that is copied exists, is let through by .dockerignore, and is no other part's. The edge
    has the protocol as well; edge and desk have their descriptions.
    """
    copied = Dockerfile(part).copied
    own = {part, *SERVED.get(part, ())}
    pinned = {f"requirements/{part}.txt", "requirements/tracing.txt"}
    assert set(copied) == {*pinned, "service_kit", "protos/parley", *own}
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")][0] == "*"  # noqa: RUF015
    let_through = {line[1:] for line in lines if line.startswith("!")}
    for source in copied:
        assert (ROOT / source).exists()
        assert source in let_through or source.partition("/")[0] in let_through


@every_part
def test_an_image_is_pinned_and_not_root(part: str) -> None:
    """Same base by tag in all stages, hashes demanded, and compose's user and command."""
    dockerfile = Dockerfile(part)
    bases = {text.split()[0] for text in dockerfile.arguments("FROM")}
    assert bases == {"python:3.11-slim"}
    assert len(dockerfile.arguments("FROM")) == 2
    assert "--require-hashes" in " ".join(dockerfile.arguments("RUN"))
    assert not dockerfile.arguments("ENTRYPOINT"), "compose's command would follow it"
    service = SERVICES[part]
    assert dockerfile.arguments("USER") == [service["user"]]
    assert json.loads(dockerfile.arguments("CMD")[-1]) == service["command"]


def test_a_package_has_one_version_everywhere() -> None:
    """The images hold the versions that are tested."""
    files = {path.stem: pins(path) for path in (ROOT / "requirements").glob("*.txt")}
    assert files.keys() == {"development", "runtime", "tracing", *SERVICES}
    for name, pinned in files.items():
        assert pinned.items() <= files["development"].items(), name
    for part in SERVICES:
        assert files[part].items() <= files["runtime"].items(), part


@every_part
def test_a_part_needs_no_more_than_its_image_holds(
    part: str, image: Callable[[str], Image]
) -> None:
    """Everything that is loaded comes from the distributions of its own requirements, and of those
    that every image holds to be able to export traces.
    """
    loaded = import_main(image(part), f"{part}.__main__")
    assert loaded.returncode == 0, loaded.stderr
    pinned = {
        name.lower().replace("_", "-")
        for file in (part, "tracing")
        for name in pins(ROOT / f"requirements/{file}.txt")
    }
    used = {name.lower().replace("_", "-") for name in loaded.stdout.split()}
    assert used
    assert used <= pinned


def test_an_image_lacks_what_it_does_not_list(image: Callable[[str], Image]) -> None:
    """The test before would notice: the edge's image has no SQLAlchemy and no other part."""
    for module in ("sqlalchemy", "messaging_service", "pytest"):
        assert f"No module named '{module}'" in import_main(image("edge"), module).stderr
