from datetime import timedelta
from uuid import UUID

import pytest
from kursi_catalog.domain.hours import DayRange, OpeningHours
from kursi_catalog.domain.policy import Policy, Source, effective
from kursi_catalog.domain.salon import distinguished, slug_from
from kursi_catalog.domain.schedule import LocalRange
from kursi_catalog.domain.trail import difference


@pytest.mark.parametrize(
    ("names", "slug"),
    [
        ({"en": "Rose & Co."}, "rose-co"),
        ({"ar": "روز", "en": "Rose"}, "rose"),
        ({"ar": "روز", "fr": "Chez Rose"}, "chez-rose"),
        ({"de": "Haarstudio", "en": "Hair Studio"}, "hair-studio"),
        ({"ar": "روز"}, "salon"),
        ({"en": "R"}, "salon"),
        ({"en": "x" * 120}, "x" * 50),
    ],
)
def test_a_short_name_comes_from_a_name_in_latin_letters(names, slug):
    assert slug_from(names) == slug


def test_a_short_name_with_its_distinction_is_a_short_name():
    assert len(distinguished("x" * 50, UUID(int=1))) <= 60


def test_the_trail_shows_what_differs_as_people_write_it():
    before = OpeningHours((DayRange(1, LocalRange(540, 1020)),))
    after = OpeningHours((DayRange(1, LocalRange(540, 1620), (LocalRange(720, 780),)),))
    assert difference(before, after) == (
        {"ranges": [{"weekday": 1, "during": "09:00-17:00", "breaks": []}]},
        {"ranges": [{"weekday": 1, "during": "09:00-27:00", "breaks": ["12:00-13:00"]}]},
    )


@pytest.mark.covers("C6")
def test_zero_and_no_are_decisions_and_none_is_not():
    platform = Policy(hold=timedelta(minutes=10), automatic_confirmation=True, no_show_fee_basis_points=500)
    salon = Policy(automatic_confirmation=False, no_show_fee_basis_points=0)
    answer = effective(platform, {None: (salon, 1)}, UUID(int=1))
    assert (answer.policy.automatic_confirmation, answer.policy.no_show_fee_basis_points) == (False, 0)
    assert answer.sources["hold"] is Source.PLATFORM
    assert answer.sources["no_show_fee_basis_points"] is Source.SALON
