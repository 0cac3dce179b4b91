"""Money in and money back as rules: no database, no network, no clock."""
