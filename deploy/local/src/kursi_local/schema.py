"""Is a service's schema at its newest revision? Asked without importing the service or Alembic."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path


def newest_revision(package: str) -> str | None:
    """The head of the package's migrations; ``None`` for no package, no migrations or several heads."""
    try:
        return newest_revision_in(package_folder(package) / "migrations" / "versions")
    except ModuleNotFoundError:
        return None


def package_folder(package: str) -> Path:
    """Where an installed package lives, without the time that importing it takes.

    Raises:
        ModuleNotFoundError: there is no such package.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent


def newest_revision_in(versions: Path) -> str | None:
    revisions: set[str] = set()
    followed: set[str] = set()
    for file in versions.glob("*.py"):
        literals = _module_literals(file)
        if "revision" in literals:
            revisions |= _names(literals["revision"])
            followed |= _names(literals.get("down_revision"))
    heads = revisions - followed
    return heads.pop() if len(heads) == 1 else None


def _names(literal: object) -> set[str]:
    if isinstance(literal, str):
        return {literal}
    return set(literal) if isinstance(literal, list | tuple | set) else set()


def _module_literals(file: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for statement in ast.parse(file.read_text()).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        try:
            found[name] = ast.literal_eval(value)
        except ValueError:
            continue
    return found
