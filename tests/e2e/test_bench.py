"""The measurements work: each gives a figure beside a limit of the same run. How large it is says `make bench`, not a test."""

import pytest

from bench import b6_rush, c11_context, r1_gateway, r2_create, r3_slots, slots50
from bench.effort import GLIMPSE
from bench.stage import lift_limits


@pytest.mark.covers("R1", "R2", "R3")
@pytest.mark.parametrize("measurement", [r1_gateway, r2_create, r3_slots], ids=["R1", "R2", "R3"])
async def test_a_measurement_on_the_platform_gives_a_ratio_to_its_limit(measurement, platform, world):
    lift_limits(platform)
    figure = await measurement.measure(platform, GLIMPSE)
    assert figure.ratio > 0
    assert figure.limit
    assert figure.goal


@pytest.mark.parametrize("measurement", [b6_rush, c11_context, slots50], ids=["B6", "C11", "slots50"])
async def test_a_number_of_a_promise_is_measured_beside_its_limit(measurement, platform, world):
    lift_limits(platform)
    figure = await measurement.measure(platform, GLIMPSE)
    assert figure.ratio > 0
