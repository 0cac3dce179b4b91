"""Generate the Python modules of the contract and the gateway's descriptor set, or check that they are fresh.

Usage: python tools/gen_protos.py [--check]

The generated code is committed: a clean checkout type-checks and runs without a generator, and a reviewer sees what
a change of the contract does to it.
"""

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

import google.api
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
OUTPUT = PROTOS / "python"
CONTRACT = ROOT / "gateway" / "src" / "kursi_gateway" / "contract.binpb"


def sources() -> list[str]:
    """Every contract file, relative to the proto root, in a stable order."""
    return sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("kursi/**/*.proto"))


def include_paths() -> list[str]:
    """Where imports are found: ours, Google's common protos (from their wheel) and protobuf's own."""
    common = Path(next(iter(google.api.__path__))).parent.parent
    builtin = Path(str(protoc.__file__)).parent / "_proto"
    return [f"-I{PROTOS}", f"-I{common}", f"-I{builtin}"]


def generate(output: Path) -> None:
    """Write messages, stubs and their type information below `output`."""
    arguments = [
        "protoc",
        *include_paths(),
        f"--python_out={output}",
        f"--grpc_python_out={output}",
        f"--mypy_out=quiet:{output}",
        f"--mypy_grpc_out=quiet:{output}",
        f"--descriptor_set_out={output / CONTRACT.name}",
        "--include_imports",
        "--include_source_info",
        *sources(),
    ]
    if protoc.main(arguments) != 0:
        sys.exit("protoc refused the contract")
    for stub in output.rglob("*_pb2_grpc.py"):
        if "class " not in stub.read_text(
            encoding="utf-8"
        ):  # a file without a service: an empty stub helps nobody
            stub.unlink()
            stub.with_suffix(".pyi").unlink()
    (output / "kursi" / "py.typed").touch()


def stale(fresh: Path) -> list[str]:
    """Paths that differ between the committed code and a fresh generation."""
    if not CONTRACT.exists() or not filecmp.cmp(fresh / CONTRACT.name, CONTRACT, shallow=False):
        return [str(CONTRACT.relative_to(ROOT))]
    names = {
        path.relative_to(root)
        for root in (fresh, OUTPUT)
        for path in root.rglob("*.py*")
        if path.suffix != ".pyc"
    }
    return sorted(
        str(name)
        for name in names
        if not ((fresh / name).exists() and (OUTPUT / name).exists())
        or not filecmp.cmp(fresh / name, OUTPUT / name, shallow=False)
    )


def main() -> None:
    """Generate, or with --check compare and exit 1 when something is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        if check:
            if differing := stale(fresh):
                sys.exit("generated code is stale, run `make protos`:\n  " + "\n  ".join(differing))
            return
        shutil.rmtree(OUTPUT / "kursi", ignore_errors=True)
        shutil.copytree(fresh / "kursi", OUTPUT / "kursi")
        shutil.copyfile(fresh / CONTRACT.name, CONTRACT)


if __name__ == "__main__":
    main()
