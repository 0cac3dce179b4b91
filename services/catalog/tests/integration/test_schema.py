"""What the database itself refuses, whatever the code does."""

import psycopg
import pytest
from kursi.catalog.v1 import catalog_pb2 as pb

REFUSED = {
    "services_currency_fkey": "UPDATE services SET currency_code = 'AED'",
    "services_duration": "UPDATE services SET duration_minutes = 0",
    "services_price": "UPDATE services SET price_minor = -1",
    "services_buffer_after": "UPDATE services SET buffer_after_minutes = 241",
    "salons_slug": "UPDATE salons SET slug = 'Not A Slug'",
    "salons_names": "UPDATE salons SET names = '{}'",
    "salons_status": "UPDATE salons SET status = 'gone'",
    "salons_location": "UPDATE salons SET latitude = 1",
    "salons_time_zone": "UPDATE salons SET time_zone = ''",
    "staff_members_color": "UPDATE staff_members SET color = 'red'",
    "service_performers_staff_fkey": (
        "INSERT INTO service_performers (salon_id, service_id, staff_id, position) "
        "SELECT salon_id, id, uuidv7(), 1 FROM services"
    ),
    "time_off_range": (
        "INSERT INTO time_off (id, salon_id, staff_id, start_time, end_time) "
        "SELECT uuidv7(), salon_id, id, now(), now() FROM staff_members"
    ),
    "closures_length": (
        "INSERT INTO closures (id, salon_id, start_time, end_time) "
        "SELECT uuidv7(), id, now(), now() + interval '401 days' FROM salons"
    ),
    "policies_hold": "INSERT INTO policies (salon_id, hold_seconds) SELECT id, 60 FROM salons",
    "policies_key": (
        "INSERT INTO policies (salon_id, hold_seconds) SELECT id, 600 FROM salons, generate_series(1, 2)"
    ),
}


@pytest.mark.covers("C3", "C6")
async def test_the_database_refuses_what_must_never_be(world):
    salon = await world.salon()
    member = await world.staff(salon)
    await world.service(salon, performers=[pb.Performer(staff_id=member.id)])
    found = {}
    for constraint, statement in REFUSED.items():
        with pytest.raises(psycopg.errors.IntegrityError) as error:
            async with world.database.transaction() as connection:
                await connection.execute(statement)
        found[constraint] = error.value.diag.constraint_name
    assert found == {constraint: constraint for constraint in REFUSED}
