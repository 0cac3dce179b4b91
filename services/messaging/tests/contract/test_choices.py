"""MessagingService: what people and salons choose."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from kursi.messaging.v1 import messaging_pb2 as pb2
from kursi.messaging.v1 import messaging_service_pb2 as rpc
from kursi_chassis.grpc.times import duration
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import refused
from messaging_events import CUSTOMER, IN_THREE_DAYS, NOW, SALON, STAFF, booking, clash

Preferences = pb2.NotificationPreferences
Settings = pb2.SalonNotificationSettings


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refused(caught.value)


def toggle(event=pb2.BOOKING_CREATED, channel=pb2.SMS, enabled=False):
    return Preferences.Toggle(event=event, channel=channel, enabled=enabled)


def rule(hours, *channels):
    return Settings.ReminderRule(offset=duration(timedelta(hours=hours)), channels=channels)


async def change_mine(messaging, stub, preferences, *paths, user=CUSTOMER):
    request = rpc.UpdateMyPreferencesRequest(preferences=preferences, update_mask=FieldMask(paths=paths))
    return await stub.UpdateMyPreferences(request, metadata=messaging.as_user(user))


async def change_salon(messaging, stub, settings, *paths):
    request = rpc.UpdateSalonSettingsRequest(
        salon_id=str(SALON), settings=settings, update_mask=FieldMask(paths=paths)
    )
    return await stub.UpdateSalonSettings(request, metadata=messaging.as_manager())


async def reminders(messaging):
    rows = await messaging.rows("event = 'reminder' AND status = 'scheduled'")
    return {(row["occurrence"].split("@")[0], row["channel"]) for row in rows}


async def test_somebody_who_never_chose_has_the_defaults(messaging, stub):
    shown = await stub.GetMyPreferences(rpc.GetMyPreferencesRequest(), metadata=messaging.as_user(CUSTOMER))
    assert shown == Preferences(
        preferred_method=Preferences.PREFERRED_METHOD_UNSPECIFIED,
        quiet_hours_enabled=False,
        quiet_hours_start="22:00",
        quiet_hours_end="07:00",
        etag='"0"',
    )


async def test_quiet_hours_are_switched_off_and_the_salon_decides_again_without_a_mask(messaging, stub):
    await change_mine(
        messaging, stub, Preferences(quiet_hours_enabled=True, preferred_method=Preferences.BOTH)
    )
    off = await change_mine(messaging, stub, Preferences(quiet_hours_enabled=False))
    assert (off.quiet_hours_enabled, off.preferred_method) == (False, Preferences.BOTH)
    theirs = Preferences(preferred_method=Preferences.PREFERRED_METHOD_UNSPECIFIED)
    undecided = await change_mine(messaging, stub, theirs)
    assert undecided.preferred_method == Preferences.PREFERRED_METHOD_UNSPECIFIED


async def test_choices_are_kept_per_person_and_only_the_named_ones_change(messaging, stub):
    chosen = Preferences(
        toggles=[toggle()],
        preferred_method=Preferences.EMAIL_ONLY,
        quiet_hours_enabled=True,
        quiet_hours_start="23:30",
        quiet_hours_end="06:15",
    )
    first = await change_mine(messaging, stub, chosen)
    chosen.etag = '"1"'
    assert first == chosen
    second = await change_mine(messaging, stub, Preferences(), "quiet_hours_enabled")
    chosen.quiet_hours_enabled, chosen.etag = False, '"2"'
    assert second == chosen
    assert (
        await stub.GetMyPreferences(rpc.GetMyPreferencesRequest(), metadata=messaging.as_user(CUSTOMER))
        == second
    )
    other = await stub.GetMyPreferences(rpc.GetMyPreferencesRequest(), metadata=messaging.as_user(new_id()))
    assert other.etag == '"0"'


async def test_choices_that_make_no_sense_are_refused_all_at_once(messaging, stub):
    chosen = Preferences(
        toggles=[toggle(), toggle(), toggle(event=0), toggle(channel=77)],
        preferred_method=9,
        quiet_hours_start="24:00",
        quiet_hours_end="7",
    )
    assert (await refusal(change_mine(messaging, stub, chosen))).violations == {
        "preferences.toggles[1]": "DUPLICATE",
        "preferences.toggles[2].event": "REQUIRED",
        "preferences.toggles[3].channel": "UNKNOWN_VALUE",
        "preferences.preferredMethod": "UNKNOWN_VALUE",
        "preferences.quietHoursStart": "MALFORMED",
        "preferences.quietHoursEnd": "MALFORMED",
    }
    many = Preferences(toggles=[toggle()] * 101)
    assert (await refusal(change_mine(messaging, stub, many))).violations["preferences.toggles"] == "TOO_MANY"


async def test_a_change_on_top_of_an_older_revision_is_refused(messaging, stub):
    await change_mine(messaging, stub, Preferences(quiet_hours_enabled=True))
    stale = await refusal(change_mine(messaging, stub, Preferences(quiet_hours_enabled=True, etag='"0"')))
    assert (stale.code, stale.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    await change_salon(messaging, stub, Settings(default_language_code="en"))
    stale = await refusal(change_salon(messaging, stub, Settings(default_language_code="ar", etag='"0"')))
    assert stale.reason == "STALE_ETAG"


async def test_what_quiet_hours_put_off_is_judged_anew_when_they_change(messaging, stub):
    await messaging.hear(clash(booking_id=new_id(), conflict_id=new_id()))
    put_off = (
        "UPDATE notifications SET status = 'deferred', due_at = due_at + interval '9 hours' RETURNING status"
    )
    assert ("deferred",) in await messaging.execute(put_off)
    await change_mine(messaging, stub, Preferences(quiet_hours_enabled=True))
    assert {row["status"] for row in await messaging.rows()} == {"deferred"}  # a stranger's choice
    await change_mine(messaging, stub, Preferences(quiet_hours_start="01:00"), user=STAFF)
    rows = await messaging.rows()
    assert {(row["status"], row["due_at"]) for row in rows} == {("pending", NOW)}


@pytest.mark.covers("D2")
async def test_the_preferred_method_decides_how_many_messages_are_planned_and_moves_reminders(
    messaging, stub
):
    visit = new_id()
    await messaging.hear(booking("CONFIRMED", 1, booking_id=visit))
    await change_mine(messaging, stub, Preferences(preferred_method=Preferences.EMAIL_ONLY))
    assert await reminders(messaging) == {("1440m", "email"), ("120m", "email")}
    await messaging.hear(booking("CANCELLED", 2, booking_id=visit))
    rows = await messaging.rows("event = 'booking_cancelled' AND audience = 'customer'")
    assert [row["channel"] for row in rows] == ["email"]
    await change_mine(messaging, stub, Preferences(preferred_method=Preferences.BOTH))
    await messaging.hear(booking("CANCELLED", 1, booking_id=new_id()))
    rows = await messaging.rows("event = 'booking_cancelled' AND audience = 'customer' AND occurrence = '1'")
    assert sorted(row["channel"] for row in rows) == ["email", "sms"]


async def test_a_salon_that_never_chose_has_the_defaults(messaging, stub):
    request = rpc.GetSalonSettingsRequest(salon_id=str(SALON))
    shown = await stub.GetSalonSettings(request, metadata=messaging.as_manager())
    assert shown == Settings(
        salon_id=str(SALON),
        customer_channels=[pb2.SMS, pb2.EMAIL],
        staff_channels=[pb2.SMS, pb2.EMAIL],
        reminders=[rule(24, pb2.EMAIL, pb2.SMS), rule(2, pb2.SMS)],
        default_language_code="en",
        etag='"0"',
    )
    denied = await refusal(stub.GetSalonSettings(request, metadata=messaging.as_user(CUSTOMER)))
    assert denied.reason == "ROLE_REQUIRED"
    denied = await refusal(
        stub.UpdateSalonSettings(
            rpc.UpdateSalonSettingsRequest(salon_id=str(SALON)), metadata=messaging.as_user(CUSTOMER)
        )
    )
    assert denied.reason == "ROLE_REQUIRED"


async def test_other_rules_move_the_reminders_of_coming_visits(messaging, stub):
    await messaging.hear(booking("CONFIRMED", 1, booking_id=new_id(), start=IN_THREE_DAYS))
    await change_salon(messaging, stub, Settings(reminders=[rule(48, pb2.WHATSAPP), rule(2, pb2.SMS)]))
    assert await reminders(messaging) == {("2880m", "whatsapp"), ("120m", "sms")}
    none = await change_salon(messaging, stub, Settings(), "reminders")
    assert list(none.reminders) == []
    assert await reminders(messaging) == set()
    await change_salon(messaging, stub, Settings(reminders=[rule(2, pb2.SMS)]))
    assert await reminders(messaging) == {("120m", "sms")}


async def test_a_salons_channels_decide_where_its_people_are_told(messaging, stub):
    await change_salon(
        messaging, stub, Settings(customer_channels=[pb2.WHATSAPP], staff_channels=[pb2.EMAIL])
    )
    await messaging.hear(booking("CREATED", 1, booking_id=new_id()))
    assert {(row["audience"], row["channel"]) for row in await messaging.rows()} == {
        ("customer", "whatsapp"),
        ("staff_member", "email"),
    }


async def test_settings_that_make_no_sense_are_refused_all_at_once(messaging, stub):
    settings = Settings(
        customer_channels=[pb2.SMS, pb2.SMS],
        staff_channels=[0],
        reminders=[
            rule(1 / 30, pb2.SMS),
            rule(366 * 24, pb2.SMS),
            rule(2, pb2.SMS),
            rule(2, pb2.EMAIL),
            rule(3),
        ],
        default_language_code="English",
    )
    assert (await refusal(change_salon(messaging, stub, settings))).violations == {
        "settings.customerChannels": "DUPLICATE",
        "settings.staffChannels[0]": "REQUIRED",
        "settings.reminders[0].offset": "OUT_OF_RANGE",
        "settings.reminders[1].offset": "OUT_OF_RANGE",
        "settings.reminders[3]": "DUPLICATE",
        "settings.reminders[4].channels": "REQUIRED",
        "settings.defaultLanguageCode": "NOT_A_LANGUAGE",
    }
    eleven = Settings(reminders=[rule(hours, pb2.SMS) for hours in range(1, 12)])
    assert (await refusal(change_salon(messaging, stub, eleven))).violations == {
        "settings.reminders": "TOO_MANY"
    }


async def test_every_change_of_choices_is_in_the_audit_trail(messaging, stub):
    await change_mine(messaging, stub, Preferences(preferred_method=Preferences.BOTH))
    await change_salon(messaging, stub, Settings(default_language_code="en"))
    audited = await messaging.execute(
        "SELECT actor, action, target_id, before ->> 'method', after ->> 'method' FROM audit ORDER BY id"
    )
    assert audited == [
        (f"user:{CUSTOMER}", "preferences_changed", str(CUSTOMER), "unspecified", "both"),
        (f"user:{messaging.manager}", "salon_settings_changed", str(SALON), None, None),
    ]


async def test_a_change_of_nothing_makes_no_revision_and_no_audit_record(messaging, stub):
    untouched = await change_mine(messaging, stub, Preferences(), "quiet_hours_enabled")
    assert untouched.etag == '"0"'
    await change_mine(messaging, stub, Preferences(quiet_hours_enabled=True))
    again = await change_mine(messaging, stub, Preferences(quiet_hours_enabled=True, etag='"1"'))
    assert (again.quiet_hours_enabled, again.etag) == (True, '"1"')
    stale = await refusal(change_mine(messaging, stub, Preferences(quiet_hours_enabled=True, etag='"0"')))
    assert stale.reason == "STALE_ETAG"
    await change_salon(messaging, stub, Settings(default_language_code="en"))
    assert (await change_salon(messaging, stub, Settings(default_language_code="en"))).etag == '"1"'
    audited = await messaging.execute("SELECT action FROM audit ORDER BY id")
    assert audited == [("preferences_changed",), ("salon_settings_changed",)]


async def test_events_that_arrive_while_rules_change_end_under_the_new_rules(messaging, stub):
    visits = [booking("CONFIRMED", 1, booking_id=new_id(), customer=new_id()) for _ in range(12)]
    await asyncio.gather(
        *(messaging.hear(visit) for visit in visits),
        change_salon(messaging, stub, Settings(reminders=[rule(5, pb2.SMS)])),
        *(
            change_mine(messaging, stub, Preferences(quiet_hours_enabled=True), user=new_id())
            for _ in range(3)
        ),
    )
    assert await reminders(messaging) == {("300m", "sms")}
    assert len(await messaging.rows("event = 'reminder' AND status = 'scheduled'")) == 12
