"""What the product said and did, append-only, in SQL. May import ``lifecycle`` only."""
