"""Generates the Python code of the contracts beside their .proto files, or checks it.

    python protos/generate.py           writes the code
    python protos/generate.py --check   lints the contracts and fails when the code has drifted
"""

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc_tools
from google.rpc import status_pb2

ROOT = Path(__file__).resolve().parent
# protoc's plugins and buf are installed beside the interpreter, which need not be on PATH.
TOOLS = Path(sys.executable).parent


def protoc(*arguments: str) -> None:
    """Runs protoc over all contracts; the imported google/rpc files come from their package."""
    sources = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.proto"))
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--proto_path={ROOT}",
        f"--proto_path={Path(status_pb2.__file__).parents[2]}",
        f"--proto_path={Path(grpc_tools.__file__).parent / '_proto'}",
        f"--plugin=protoc-gen-mypy={TOOLS / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={TOOLS / 'protoc-gen-mypy_grpc'}",
        *arguments,
        *sources,
    ]
    subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603  # Our own command, no input.


def generate(target: Path) -> None:
    """Writes messages, stubs of messages, services and stubs of services below `target`."""
    protoc(
        f"--python_out={target}",
        f"--grpc_python_out={target}",
        f"--mypy_out=quiet:{target}",
        f"--mypy_grpc_out=quiet:{target}",
    )


def generated(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in root.rglob("*_pb2*.py*") if path.suffix != ".pyc"}


def check() -> int:
    """Lints the contracts with buf's STANDARD rules and compares the code with a fresh one."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "contracts.binpb"
        protoc(f"--descriptor_set_out={image}", "--include_imports", "--include_source_info")
        command = [str(TOOLS / "buf"), "lint", str(image), "--config", str(ROOT / "buf.yaml")]
        lint = subprocess.run(command, check=False)  # noqa: S603  # Our own command, no input.
        fresh = Path(folder) / "fresh"
        fresh.mkdir()
        generate(fresh)
        names = generated(fresh) | generated(ROOT)
        _, changed, missing = filecmp.cmpfiles(ROOT, fresh, map(str, names), shallow=False)
    drifted = sorted([*changed, *missing])
    for name in drifted:
        print(f"drift: protos/{name} is not what its .proto generates; run `make protos`")  # noqa: T201
    return 1 if lint.returncode or drifted else 0


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(check())
    generate(ROOT)
