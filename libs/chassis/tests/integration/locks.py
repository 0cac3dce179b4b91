"""Who waits for whom, as PostgreSQL sees it."""


async def waiting_for_a_lock(connection):
    """Whoever waits for an advisory lock in this database."""
    waiting = await connection.execute(
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return await waiting.fetchall()
