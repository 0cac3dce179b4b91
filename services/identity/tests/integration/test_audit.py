"""The audit trail: added to, never changed."""

import psycopg
import pytest


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"]
)
async def test_the_running_service_cannot_change_what_was_written_down(identity, statement):
    await identity.log_in()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with identity.database.transaction() as connection:
            await connection.execute(statement)


async def test_a_login_is_written_down_by_ids_only(identity):
    pair = await identity.log_in()
    rows = await identity.rows(
        "SELECT action, actor FROM audit WHERE actor <> 'service:identity' ORDER BY id"
    )
    person = f"user:{pair.user.id}"
    assert rows == [("code_requested", "anonymous"), ("user_registered", person), ("logged_in", person)]
    everything = str(await identity.rows("SELECT audit::text FROM audit"))
    assert "512345678" not in everything
    assert pair.refresh_token not in everything


async def test_a_rotation_of_the_key_is_written_down(identity):
    await identity.keys.ring()
    before = await identity.audited("signing_key_rotated")
    await identity.keys.rotate_now()
    assert await identity.audited("signing_key_rotated") == before + 1
