"""Run the measurements: all, or those named.

python -m bench [R1 R2 …]
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any  # what a coroutine is sent and yields says nothing here

from bench import r1_gateway, r2_create, r3_slots, r4_ingest, r7_start
from bench.report import Figure, save, table

MEASUREMENTS: dict[str, Callable[[], Coroutine[Any, Any, Figure]]] = {
    "R1": r1_gateway.measure,
    "R2": r2_create.measure,
    "R3": r3_slots.measure,
    "R4": r4_ingest.measure,
    "R7": r7_start.measure,
}


def main() -> None:
    """Measure, print the table, keep the JSON. A missed goal is printed, not an error: it is a fact to look at."""
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=", ".join(MEASUREMENTS))
    names = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := set(names) - MEASUREMENTS.keys():
        sys.exit(f"unknown: {', '.join(sorted(unknown))}")
    figures: list[Figure] = []
    for name in names:
        print(f"{name} …", flush=True)
        figures.append(asyncio.run(MEASUREMENTS[name]()))
    print(table(figures))
    print(f"kept in {save(figures)}")


if __name__ == "__main__":
    main()
