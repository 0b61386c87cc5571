"""The ledger's schema, step by step (Alembic revisions); driven by ``ledger.migrate``."""
