"""Measurements that start what they measure: on a platform of stories they would be in the way, or others in theirs."""

import pytest

from bench import r4_ingest, r6_growth, search
from bench.effort import GLIMPSE
from bench.stage import bench_platform


@pytest.fixture(scope="module")
def crowded():
    """A platform for what is written past its services: rows without a history, which others would stumble over."""
    with bench_platform() as platform:
        yield platform


@pytest.mark.covers("R4")
async def test_the_ingest_of_events_is_measured_against_bare_publishing_and_transactions():
    figure = await r4_ingest.measure(GLIMPSE)
    assert figure.ratio > 0
    assert figure.details["rows_per_event"] >= 2


async def test_search_is_measured_over_salons_that_nobody_else_stumbles_over(crowded):
    figure = await search.measure(crowded, GLIMPSE)
    assert figure.ratio > 0


@pytest.mark.covers("R6")
async def test_the_answers_are_measured_again_after_the_database_has_grown(crowded):
    figure = await r6_growth.measure(crowded, GLIMPSE)
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
