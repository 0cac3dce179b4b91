"""Run the measurements: all, or those named.

python -m bench [--rows 10000000] [R1 R2 …]
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any  # what a coroutine is sent and yields says nothing here

from kursi_local.platform import Platform

from bench import (
    b6_rush,
    c11_context,
    r1_gateway,
    r2_create,
    r3_slots,
    r4_ingest,
    r6_growth,
    r7_start,
    search,
    slots50,
)
from bench.effort import FULL, Effort
from bench.report import Figure, save, table
from bench.stage import bench_platform

# Measured on one platform, which is started once.
ON_PLATFORM: dict[str, Callable[[Platform, Effort], Coroutine[Any, Any, Figure]]] = {
    "R1": r1_gateway.measure,
    "R2": r2_create.measure,
    "R3": r3_slots.measure,
    "B6": b6_rush.measure,
    "C11": c11_context.measure,
    "search": search.measure,
    "slots50": slots50.measure,
    "R6": r6_growth.measure,  # last: it leaves the database full
}
# Measured on the platform of `make run`.
ON_WHOLE: dict[str, Callable[[Platform, Effort], Coroutine[Any, Any, Figure]]] = {
    "rush": b6_rush.measure_whole,
}
# These start what they need.
ALONE: dict[str, Callable[[], Coroutine[Any, Any, Figure]]] = {
    "R4": r4_ingest.measure,
    "R7": r7_start.measure,
}


def figures_of(names: list[str], effort: Effort) -> Iterator[Figure]:
    """Measure one after the other."""
    for measures, is_whole in ((ON_PLATFORM, False), (ON_WHOLE, True)):
        if wanted := [measure for name, measure in measures.items() if name in names]:
            with bench_platform(whole=is_whole) as platform:
                for on in wanted:
                    yield asyncio.run(on(platform, effort))
    for name, measure in ALONE.items():
        if name in names:
            yield asyncio.run(measure())


def main() -> None:
    """Measure, print the table, keep the JSON. A missed goal is printed, not an error: it is a fact to look at."""
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=", ".join([*ON_PLATFORM, *ON_WHOLE, *ALONE]))
    parser.add_argument("--rows", type=int, default=FULL.bookings, help="how many bookings R6 grows to")
    arguments = parser.parse_args()
    names = arguments.names or [*ON_PLATFORM, *ON_WHOLE, *ALONE]
    if unknown := set(names) - ON_PLATFORM.keys() - ON_WHOLE.keys() - ALONE.keys():
        sys.exit(f"unknown: {', '.join(sorted(unknown))}")
    figures = []
    for figure in figures_of(names, replace(FULL, bookings=arguments.rows)):
        print(f"{figure.id}: {figure.measured}", flush=True)
        figures.append(figure)
    print(table(figures))
    print(f"kept in {save(figures)}")


if __name__ == "__main__":
    main()
