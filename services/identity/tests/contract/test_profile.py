"""A person's own account."""

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from kursi.identity.events.v1 import identity_events_pb2 as events_pb2
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_chassis.testing.rpc import bearer


async def update(identity, token: str, *paths: str, **fields: object) -> identity_pb2.User:
    request = pb2.UpdateMeRequest(user=identity_pb2.User(**fields), update_mask=FieldMask(paths=paths))
    return await identity.public.UpdateMe(request, metadata=bearer(token))


async def test_a_person_changes_name_language_and_zone(identity):
    token = (await identity.log_in()).access_token
    changed = await update(identity, token, display_name="Sara", language_code="ar", time_zone="Asia/Dubai")
    assert (changed.display_name, changed.language_code, changed.time_zone) == ("Sara", "ar", "Asia/Dubai")
    assert await identity.me(token) == changed
    (payload,) = await identity.events("user.updated")
    event = events_pb2.UserEvent.FromString(payload)
    assert (event.revision, event.language_code, event.time_zone) == (2, "ar", "Asia/Dubai")
    rows = await identity.rows("SELECT actor, after->'fields' FROM audit WHERE action = 'user_updated'")
    assert rows == [(f"user:{changed.id}", ["display_name", "language_code", "time_zone"])]


async def test_only_masked_fields_change(identity):
    token = (await identity.log_in()).access_token
    await update(identity, token, display_name="Sara", time_zone="Asia/Riyadh")
    changed = await update(identity, token, "time_zone", display_name="Ignored")
    assert (changed.display_name, changed.time_zone) == ("Sara", "")


async def test_number_and_address_change_only_by_verification(identity):
    token = (await identity.log_in()).access_token
    changed = await update(
        identity, token, "phone_number", "email", phone_number="+966512345679", email="a@example.com"
    )
    assert (changed.phone_number, changed.email) == ("+966512345678", "")


async def test_a_change_of_nothing_makes_no_revision_and_no_event(identity):
    pair = await identity.log_in()
    same = await update(identity, pair.access_token, language_code=pair.user.language_code)
    assert same == pair.user
    assert await identity.events("user.updated") == []


async def test_a_stale_etag_is_refused(identity, refusal_of):
    pair = await identity.log_in()
    await update(identity, pair.access_token, display_name="Sara", etag=pair.user.etag)
    refused = await refusal_of(
        update(identity, pair.access_token, display_name="Somebody", etag=pair.user.etag)
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")


@pytest.mark.parametrize(
    ("paths", "fields", "violations"),
    [
        ((), {"display_name": "x" * 81}, {"user.displayName": "TOO_LONG"}),
        ((), {"display_name": "a\x00b"}, {"user.displayName": "CONTROL_CHARACTERS"}),
        ((), {"display_name": "a\u2066b"}, {"user.displayName": "BIDI_OVERRIDE"}),
        ((), {"language_code": "Arabic"}, {"user.languageCode": "NOT_A_LANGUAGE"}),
        (("language_code",), {}, {"user.languageCode": "REQUIRED"}),
        ((), {"time_zone": "Riyadh"}, {"user.timeZone": "NOT_A_TIME_ZONE"}),
        (("shoe_size",), {"display_name": "Sara"}, {"updateMask": "UNKNOWN_FIELD"}),
    ],
)
async def test_bad_values_are_refused_by_field_and_nothing_changes(
    identity, refusal_of, paths, fields, violations
):
    pair = await identity.log_in()
    refused = await refusal_of(update(identity, pair.access_token, *paths, **fields))
    assert (refused.code, refused.violations) == (grpc.StatusCode.INVALID_ARGUMENT, violations)
    assert await identity.me(pair.access_token) == pair.user


async def test_the_token_of_a_person_who_is_unknown_finds_nobody(identity, refusal_of):
    refused = await refusal_of(identity.me(await identity.token()))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")
