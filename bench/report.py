"""What a measurement says, as a table for people and as JSON for machines."""

import json
import platform
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured figure beside the limit that it is held against."""

    id: str
    job: str
    measured: str
    limit: str
    ratio: float
    goal: str
    met: bool
    details: dict[str, float | str] = field(default_factory=dict)


def table(figures: list[Figure]) -> str:
    """All figures, one line each."""
    rows = [("", "job", "measured", "limit", "ratio", "goal", "")]
    rows += [
        (f.id, f.job, f.measured, f.limit, f"{f.ratio:.2f}", f.goal, "met" if f.met else "MISSED")
        for f in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    details = [
        f"   {f.id}: " + ", ".join(f"{name} {value}" for name, value in f.details.items())
        for f in figures
        if f.details
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *details])


def save(figures: list[Figure]) -> Path:
    """Write a JSON file named by the time and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%S')}.json"
    machine = {
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    path.write_text(
        json.dumps({**machine, "figures": [asdict(figure) for figure in figures]}, indent=1), encoding="utf-8"
    )
    return path
