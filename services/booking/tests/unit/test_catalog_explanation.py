"""How the catalog is asked why times are closed."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi_booking.adapters.catalog_explanation import explanation_request
from kursi_chassis.grpc.times import EARLIEST, LATEST, instant
from kursi_chassis.ids import new_id
from kursi_chassis.validation import Violations

FIRST, END = int(EARLIEST.timestamp()), int(LATEST.timestamp())


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ((0, 3_600), (0, 3_600)),
        ((FIRST - 600, FIRST + 600), (FIRST, FIRST + 600)),
        ((FIRST - 600, FIRST), (FIRST, FIRST + 1)),
        ((END - 600, END + 600), (END - 600, END - 1)),
        ((END, END + 600), (END - 2, END - 1)),
    ],
)
def test_what_lies_beyond_the_years_of_the_contract_is_asked_at_their_edge(asked, sent):
    (span,) = explanation_request(new_id(), [(new_id(), asked)], []).spans

    assert (span.start_seconds, span.end_seconds) == sent


def test_the_edges_can_be_read():
    spans = explanation_request(
        new_id(), [(new_id(), (FIRST - 9, FIRST)), (new_id(), (END, END + 9))], []
    ).spans

    with Violations() as check:
        for moment in [bound for span in spans for bound in (span.start_seconds, span.end_seconds)]:
            instant(check, "moment", Timestamp(seconds=moment))
