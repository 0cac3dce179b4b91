"""What the contract lets a caller write, somebody reads."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi_catalog.api import parse_things
from kursi_chassis.grpc.fieldmask import paths_to_write


@pytest.mark.parametrize(
    ("message", "readers"),
    [
        (pb.Salon, parse_things.SALON),
        (pb.Service, parse_things.SERVICE),
        (pb.StaffMember, parse_things.STAFF_MEMBER),
        (pb.Resource, parse_things.RESOURCE),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_every_field_that_a_caller_may_write_has_a_reader(message, readers):
    # One without would be dropped in silence: the change says 200 and changes nothing.
    assert readers.keys() == paths_to_write(message(), FieldMask(paths=["*"]))
