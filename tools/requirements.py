"""Write the hash-pinned requirements files from the workspace's manifests, or check that they are fresh.

Usage: python tools/requirements.py [--check]

What is installed comes from requirements/*.txt: every version pinned, every file by its hash, no download host named.
Writing needs the network (uv resolves); the check does not: it walks the manifests over the installed packages.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any  # parsed TOML is untyped

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
SERVICES = ("identity", "catalog", "booking", "payment", "messaging")
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+?)(?: ; (?P<marker>.*?))? \\$", re.MULTILINE)


def manifest(path: Path) -> dict[str, Any]:
    """A parsed pyproject.toml."""
    return tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))


def workspace() -> dict[str, dict[str, Any]]:
    """Manifests of the local packages by name."""
    patterns = manifest(ROOT)["tool"]["uv"]["workspace"]["members"]
    found = [
        manifest(path)
        for pattern in patterns
        for path in ROOT.glob(pattern)
        if (path / "pyproject.toml").exists()
    ]
    return {entry["project"]["name"]: entry for entry in found}


def selections() -> dict[str, tuple[list[str], list[str]]]:
    """For each file: uv's arguments that select its content, and the requirements that it must hold."""
    groups = manifest(ROOT)["dependency-groups"]
    chosen: dict[str, tuple[list[str], list[str]]] = {
        name: (["--package", f"kursi-{name}", "--no-default-groups"], [f"kursi-{name}"]) for name in SERVICES
    }
    chosen["bootstrap"] = (["--only-group", "bootstrap"], groups["bootstrap"])
    chosen["run"] = (
        ["--all-packages", "--no-default-groups", "--group", "build"],
        ["kursi-local", *groups["build"]],
    )
    chosen["dev"] = (
        ["--all-packages", "--all-groups"],
        ["kursi-local", *(entry for group in groups.values() for entry in group)],
    )
    return chosen


def export() -> None:
    """Resolve the workspace and write every file."""
    FOLDER.mkdir(exist_ok=True)
    for name, (arguments, _) in selections().items():
        target = FOLDER / f"{name}.txt"
        command = [
            "uv",
            "export",
            "--quiet",
            "--no-header",
            "--no-annotate",
            "--no-emit-workspace",
            "--no-emit-project",
        ]
        subprocess.run([*command, *arguments, "--output-file", str(target)], cwd=ROOT, check=True)


def closure(requirements: list[str], local: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Installed versions of everything that `requirements` need on this machine, local packages left out."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted_extra in ("", *requirement.extras):
            if (name, wanted_extra) in seen:
                continue
            seen.add((name, wanted_extra))
            waiting += [
                (Requirement(text), wanted_extra) for text in needs(name, requirement, local, versions)
            ]
    return versions


def needs(
    name: str, requirement: Requirement, local: dict[str, dict[str, Any]], versions: dict[str, str]
) -> list[str]:
    """What one package requires; notes the version of a foreign one."""
    if name in local:
        return list(local[name]["project"].get("dependencies", []))
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        sys.exit(f"{requirement} is required but not installed: run `make lock`, then `make setup`")
    if not requirement.specifier.contains(installed.version, prereleases=True):
        sys.exit(
            f"{requirement} is required but {installed.version} is installed: run `make lock`, then `make setup`"
        )
    versions[name] = installed.version
    return list(installed.requires or [])


def pins(name: str) -> dict[str, tuple[str, str]]:
    """Version and marker by package, as a requirements file has them; refuses a pin without a hash and any address."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    if "://" in text:
        sys.exit(f"requirements/{name}.txt names an address")
    found: dict[str, tuple[str, str]] = {
        canonicalize_name(m["name"]): (m["version"], m["marker"] or "") for m in PIN.finditer(text)
    }
    if len(found) != len(re.findall(r"^\S", text, re.MULTILINE)):
        sys.exit(f"requirements/{name}.txt has a line that is no hash-pinned version")
    return found


def check() -> None:
    """Exit 1 when a file does not hold exactly what its manifests need."""
    local = workspace()
    problems = []
    for name, (_, requirements) in selections().items():
        pinned, needed = pins(name), closure(requirements, local)
        problems += [
            f"{name}: {package} {version} is missing"
            for package, version in needed.items()
            if pinned.get(package, ("",))[0] != version
        ]
        problems += [
            f"{name}: {package} is not needed"
            for package, (_, marker) in pinned.items()
            if package not in needed and not marker
        ]
    if problems:
        sys.exit("requirements are stale, run `make lock`:\n  " + "\n  ".join(sorted(problems)))


def main() -> None:
    """Write, or with --check compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    if parser.parse_args().check:
        check()
    else:
        export()


if __name__ == "__main__":
    main()
