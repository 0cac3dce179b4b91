"""PostgreSQL: connections, transactions, retries, constraint names, migrations, shared tables."""
