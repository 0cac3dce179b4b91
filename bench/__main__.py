"""Run the measurements: all, or those named.

python -m bench [R1 R2 …]
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any  # what a coroutine is sent and yields says nothing here

from kursi_local.platform import Platform

from bench import b6_rush, c11_context, r1_gateway, r2_create, r3_slots, r4_ingest, r7_start
from bench.report import Figure, save, table
from bench.stage import bench_platform

# Measured on one platform, which is started once.
ON_PLATFORM: dict[str, Callable[[Platform], Coroutine[Any, Any, Figure]]] = {
    "R1": r1_gateway.measure,
    "R2": r2_create.measure,
    "R3": r3_slots.measure,
    "B6": b6_rush.measure,
    "C11": c11_context.measure,
}
# These start what they need.
ALONE: dict[str, Callable[[], Coroutine[Any, Any, Figure]]] = {
    "R4": r4_ingest.measure,
    "R7": r7_start.measure,
}


def figures_of(names: list[str]) -> Iterator[Figure]:
    """Measure one after the other."""
    if on_platform := [measure for name, measure in ON_PLATFORM.items() if name in names]:
        with bench_platform() as platform:
            for on in on_platform:
                yield asyncio.run(on(platform))
    for name, measure in ALONE.items():
        if name in names:
            yield asyncio.run(measure())


def main() -> None:
    """Measure, print the table, keep the JSON. A missed goal is printed, not an error: it is a fact to look at."""
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=", ".join([*ON_PLATFORM, *ALONE]))
    names = parser.parse_args().names or [*ON_PLATFORM, *ALONE]
    if unknown := set(names) - ON_PLATFORM.keys() - ALONE.keys():
        sys.exit(f"unknown: {', '.join(sorted(unknown))}")
    figures = []
    for figure in figures_of(names):
        print(f"{figure.id}: {figure.measured}", flush=True)
        figures.append(figure)
    print(table(figures))
    print(f"kept in {save(figures)}")


if __name__ == "__main__":
    main()
