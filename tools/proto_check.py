"""Check the contract: format, lint, stale generated code, and changes that would break a caller.

The contract on the main branch is what callers build against; a change that breaks it is refused here, before review.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import google.api

ROOT = Path(__file__).resolve().parent.parent
DEPENDENCIES = ROOT / ".build" / "proto-deps"


def lay_out_dependencies() -> None:
    """Copy Google's common protos out of their wheel to where buf looks for them."""
    common = Path(next(iter(google.api.__path__))).parent
    for source in common.rglob("*.proto"):
        target = DEPENDENCIES / "google" / source.relative_to(common)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def run(*command: str) -> bool:
    """Whether a command succeeds, run in the project's root."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def asked_of_git(*command: str) -> str:
    """What git answers, nothing when it refuses."""
    return subprocess.run(
        ["git", *command], cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout.strip()


def baseline() -> str | None:
    """The commit to compare with: where this branch left main, or the last one where no main is known; None at the beginning.

    What main got since then is missing here, which breaks nobody.
    """
    for candidate in (asked_of_git("merge-base", "HEAD", "origin/main"), "HEAD"):
        if candidate and asked_of_git("ls-tree", "-r", "--name-only", candidate, "--", "protos/kursi"):
            return candidate
    return None


def breaks(commit: str) -> bool:
    """Whether the working tree breaks the contract of `commit`."""
    old = ROOT / ".build" / "contract-before"
    shutil.rmtree(old, ignore_errors=True)
    old.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", commit, "protos/kursi"], cwd=ROOT, check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(old)], input=archive.stdout, check=True)
    shutil.copytree(DEPENDENCIES, old / ".build" / "proto-deps")
    shutil.copyfile(ROOT / "buf.yaml", old / "buf.yaml")
    return not run("buf", "breaking", "--against", str(old))


def main() -> None:
    """Exit 1 at the first check that fails."""
    lay_out_dependencies()
    if not run("buf", "lint"):
        sys.exit("the contract breaks a lint rule")
    if not run(sys.executable, "tools/gen_protos.py", "--check"):
        sys.exit(1)
    commit = baseline()
    if commit and breaks(commit):
        sys.exit(f"the contract breaks callers of {asked_of_git('log', '-1', '--format=%h (%s)', commit)}")


if __name__ == "__main__":
    main()
