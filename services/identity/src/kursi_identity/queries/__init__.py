"""Reading for others: one statement each."""
