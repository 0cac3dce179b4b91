"""Which fields a change writes."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from kursi_chassis.errors import Invalid
from kursi_chassis.grpc.fieldmask import paths_to_write


def test_without_a_mask_what_is_set_is_written(contract):
    chair = contract.pb2.Chair(id="1", name="a", brand="b", etag='"3"')
    assert paths_to_write(chair, FieldMask()) == {"name"}


def test_a_star_writes_everything_that_can_change(contract):
    assert paths_to_write(contract.pb2.Chair(), FieldMask(paths=["*"])) == {"name", "note", "size", "sizes"}


def test_named_paths_are_written_also_when_empty_and_nested(contract):
    mask = FieldMask(paths=["note", "size.height", "id", "etag"])
    assert paths_to_write(contract.pb2.Chair(), mask) == {"note", "size.height"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("colour", "UNKNOWN_FIELD"),
        ("size.depth", "UNKNOWN_FIELD"),
        ("name.first", "UNKNOWN_FIELD"),
        ("sizes.height", "UNKNOWN_FIELD"),
        ("", "UNKNOWN_FIELD"),
        ("brand", "IMMUTABLE"),
    ],
)
def test_a_path_that_cannot_be_written_is_named(contract, path, reason):
    with pytest.raises(Invalid) as error:
        paths_to_write(contract.pb2.Chair(), FieldMask(paths=["note", path]))
    assert [(v.field, v.reason, v.params) for v in error.value.violations] == [
        ("update_mask", reason, {"path": path})
    ]


def test_a_star_beside_others_is_refused(contract):
    with pytest.raises(Invalid):
        paths_to_write(contract.pb2.Chair(), FieldMask(paths=["*", "note"]))


def test_a_mask_of_more_paths_than_anything_has_fields_is_refused(contract):
    with pytest.raises(Invalid) as error:
        paths_to_write(contract.pb2.Chair(), FieldMask(paths=["note"] * 101))
    assert [(v.field, v.reason) for v in error.value.violations] == [("update_mask", "TOO_MANY")]
