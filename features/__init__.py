"""A snapshot turned into one row per account. May import ``lifecycle`` (never ``History``)."""
