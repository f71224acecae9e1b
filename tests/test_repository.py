"""What the repository holds, and what it must not."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Where packages come from is each installation's own affair. Put together here, so that this file
# is no find of its own.
REGISTRY_HOSTS = ("pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "--index" + "-url")
HOME_FOLDER = re.compile(r"(?<![\w.])/(?:home|Users)/[a-z][\w.-]*/|(?<![\w.])/root/\w")


@cache
def files() -> tuple[Path, ...]:
    """Every file that is tracked, or that would be with the next commit of everything."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = [name.decode() for name in listed.stdout.split(b"\0") if name]
    return tuple(path for name in names if (path := ROOT / name).is_file())


def texts() -> list[tuple[str, str]]:
    """Each file's name and text; what is not text is shown as far as it can be read."""
    return [
        (path.relative_to(ROOT).as_posix(), path.read_text("utf-8", errors="replace"))
        for path in files()
    ]


def test_no_file_names_a_registry() -> None:
    """A clone installs from whatever registry its machine is set up for."""
    found = [name for name, text in texts() if any(host in text for host in REGISTRY_HOSTS)]
    assert found == []


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    """Paths are relative to the checkout or made at run time."""
    own = str(ROOT) + "/"
    found = [name for name, text in texts() if HOME_FOLDER.search(text) or own in text]
    assert found == []


def test_there_is_no_package_that_somebody_downloaded() -> None:
    """Packages come from a registry, by their hashes; an archive among the sources is a mistake."""
    archives = {".whl", ".gz", ".tgz", ".zip", ".jar", ".so"}
    assert [path.name for path in files() if path.suffix in archives] == []


def test_there_is_no_lock_file_that_records_where_packages_come_from() -> None:
    """Versions and hashes stand in requirements/ and in npm's lock file, and nowhere else."""
    names = {path.name for path in files()}
    assert not names & {"uv.lock", "poetry.lock", "Pipfile.lock", "yarn.lock", "pnpm-lock.yaml"}


def test_the_lock_file_of_npm_has_hashes_and_no_addresses() -> None:
    """What is no folder of this repository has a hash, and nothing says where to get it."""
    (path,) = (path for path in files() if path.name == "package-lock.json")
    packages = json.loads(path.read_text("utf-8"))["packages"]
    assert packages
    for name, package in packages.items():
        if package.get("link"):
            assert (ROOT / package["resolved"] / "package.json").is_file(), name
        elif "node_modules/" in name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, name


def test_every_package_of_npm_is_named_at_one_version() -> None:
    """No range: what is installed changes with a commit alone."""
    for path in files():
        if path.name == "package.json":
            manifest = json.loads(path.read_text("utf-8"))
            for kind in ("dependencies", "devDependencies", "optionalDependencies"):
                for name, version in manifest.get(kind, {}).items():
                    assert re.fullmatch(r"\d+\.\d+\.\d+", version), (path, name)


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (ROOT / "requirements").glob("*.txt"))
)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    """No package can be replaced by another one of the same version."""
    text = (ROOT / "requirements" / name).read_text("utf-8")
    entries = [
        entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.lstrip().startswith("#")
    ]
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9_.\[\],-]+==[^\s;]+", entry), entry.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "requirements").glob("*.in")))
def test_every_wished_package_is_pinned(name: str) -> None:
    """The lists that people edit and the files made from them name the same packages."""
    wished = {
        re.split(r"[\[=<>;\s]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "requirements" / f"{name}.in").read_text("utf-8").splitlines()
        if line and not line.startswith(("#", "-r"))
    }
    pinned = {
        line.split("==")[0].split("[")[0].lower().replace("_", "-")
        for line in (ROOT / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    assert wished <= pinned


def imported(path: Path) -> set[str]:
    """The modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "modules are imported by their full names"
            found.add(str(node.module))
    return found


SHARED_RULES = {
    "service_kit",
    "service_kit.audit",
    "service_kit.rules",
    "service_kit.idempotency",
    "service_kit.text",
}


@pytest.mark.parametrize(
    "package", ["service_kit", *sorted(path.parent.name for path in ROOT.glob("*_service/domain"))]
)
def test_rules_need_the_standard_library_alone(package: str) -> None:
    """The rules of a service can be read, tested and reasoned about without anything installed.

    What the rules of all services share stands in the kit, under the same condition.
    """
    modules = [
        ROOT / "service_kit" / f"{name}.py" for name in ("audit", "rules", "idempotency", "text")
    ]
    if package != "service_kit":
        modules = sorted((ROOT / package / "domain").rglob("*.py"))
    assert modules
    for module in modules:
        for name in imported(module) - SHARED_RULES:
            is_own = f"{name}.".startswith(f"{package}.domain.")
            assert is_own or name.partition(".")[0] in sys.stdlib_module_names, module


def test_secrets_are_not_in_the_repository() -> None:
    """No file holds a private key or looks like a token that somebody left behind."""
    private_key = "-----BEGIN " + r"(?:[A-Z]+ )?PRIVATE KEY-----\n[A-Za-z0-9+/=]{40}"
    found = [name for name, text in texts() if re.search(private_key, text)]
    assert found == []
