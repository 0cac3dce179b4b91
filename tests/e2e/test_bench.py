"""The measurements work: each gives a figure beside a limit of the same run. How large it is says `make bench`, not a test."""

import pytest

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
from bench.effort import GLIMPSE
from bench.stage import bench_platform, lift_limits


@pytest.mark.covers("R1", "R2", "R3")
@pytest.mark.parametrize("measurement", [r1_gateway, r2_create, r3_slots], ids=["R1", "R2", "R3"])
async def test_a_measurement_on_the_platform_gives_a_ratio_to_its_limit(measurement, platform, world):
    lift_limits(platform)
    figure = await measurement.measure(platform, GLIMPSE)
    assert figure.ratio > 0
    assert figure.limit
    assert figure.goal


@pytest.mark.covers("R4")
async def test_the_ingest_of_events_is_measured_against_bare_publishing_and_transactions():
    figure = await r4_ingest.measure(GLIMPSE)
    assert figure.ratio > 0
    assert figure.details["rows_per_event"] >= 2


@pytest.mark.parametrize("measurement", [b6_rush, c11_context, slots50], ids=["B6", "C11", "slots50"])
async def test_a_number_of_a_promise_is_measured_beside_its_limit(measurement, platform, world):
    lift_limits(platform)
    figure = await measurement.measure(platform, GLIMPSE)
    assert figure.ratio > 0


@pytest.mark.timeout(300)  # five thousand salons take half a minute to write, on a busy machine more
async def test_search_is_measured_over_salons_that_nobody_else_stumbles_over():
    with bench_platform() as platform:
        figure = await search.measure(platform, GLIMPSE)
    assert figure.ratio > 0


@pytest.mark.covers("R6")
async def test_the_answers_are_measured_again_after_the_database_has_grown():
    """On a platform of its own: what is written there has no history, which others would stumble over."""
    with bench_platform() as platform:
        figure = await r6_growth.measure(platform, GLIMPSE)
    assert figure.ratio > 0
    assert {
        "slots",
        "own_list",
        "salon_list",
        "text",
        "calendar",
        "report",
        "create",
    } <= figure.details.keys()


@pytest.mark.covers("R7")
async def test_a_warm_start_is_measured_against_bare_servers():
    figure = await r7_start.measure()
    assert figure.ratio > 0
    assert figure.details["resident_mib"] <= 1536
