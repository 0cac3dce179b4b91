"""A visit of several services keeps the strictest of their rules, whichever of them has it."""

from dataclasses import replace

import pytest
from kursi_booking.domain.start_rule import Limits, SlotRules, StartMode, lowest, strictest

USUAL = SlotRules(step=900, min_notice=3_600, max_ahead=86_400, latest_minute=1_080)
STRICTER = {
    "step": 1_800,
    "min_notice": 7_200,
    "max_ahead": 43_200,
    "latest_minute": 600,
    "mode": StartMode.GAP_FREE,
}
ANY = Limits(active_per_customer=5, per_day=20, per_staff_day=8)


@pytest.mark.covers("B1")
@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("field", STRICTER)
def test_each_rule_about_starts_is_the_one_that_allows_least(field, turn):
    strict = replace(USUAL, **{field: STRICTER[field]})
    assert strictest([USUAL, strict][::turn]) == strict


@pytest.mark.covers("B1")
@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("field", ["active_per_customer", "per_day", "per_staff_day"])
def test_each_limit_is_the_lowest(field, turn):
    strict = replace(ANY, **{field: 2})
    assert lowest([ANY, strict][::turn]) == strict


@pytest.mark.covers("B1")
@pytest.mark.parametrize("turn", [1, -1])
def test_what_only_one_service_limits_is_limited(turn):
    free = replace(USUAL, latest_minute=None)
    assert strictest([free, USUAL][::turn]) == USUAL
    assert lowest([Limits(), ANY][::turn]) == ANY
