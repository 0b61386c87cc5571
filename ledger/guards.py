"""Guards: triggers by which the database itself keeps what was said, on SQLite and PostgreSQL.

Schema steps call `guards` for the tables they make; nothing else in the house writes a trigger.
"""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op
from sqlalchemy import Connection

CLOSED = "the run was published and is closed"
# the error class of a broken constraint, so that the driver's error is an integrity error
_REFUSED = "ERRCODE = 'restrict_violation'"


def guards(append_only: Sequence[str] = (), closed: Sequence[str] = ()) -> None:
    """Make the database refuse changes of what was said; for use inside a schema step.

    Both kinds of refusal reach the caller of `ledger.engine.Ledger.writing` as a `ConflictError`.
    A table that a later step rebuilds on SQLite (``batch_alter_table``) loses its triggers there
    and must be guarded again by that step.

    Parameters
    ----------
    append_only
        Tables whose rows are never changed or removed: UPDATE and DELETE fail, and on PostgreSQL
        TRUNCATE too.
    closed
        Tables with a ``run_id``: INSERT fails once that run was published.

    Examples
    --------
    ::

        def upgrade() -> None:
            op.create_table("audit", ...)
            guards(append_only=["audit"])
    """
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        _guard_postgresql(connection, append_only, closed)
        return
    for table in append_only:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER guard_{table}_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    for table in closed:
        op.execute(
            f"CREATE TRIGGER guard_{table}_closed BEFORE INSERT ON {table} "
            "WHEN EXISTS (SELECT 1 FROM publications WHERE run_id = NEW.run_id) "
            f"BEGIN SELECT RAISE(ABORT, '{CLOSED}'); END"
        )


def _guard_postgresql(
    connection: Connection, append_only: Sequence[str], closed: Sequence[str]
) -> None:
    _make_functions(connection)
    for table in append_only:
        op.execute(
            f"CREATE TRIGGER guard_{table}_changed BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION guard_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER guard_{table}_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()"
        )
    for table in closed:
        op.execute(
            f"CREATE TRIGGER guard_{table}_closed BEFORE INSERT ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION guard_closed_run()"
        )


def _make_functions(connection: Connection) -> None:
    """Make both functions, once.

    The names of tables carry their schema: a temporary table of the caller's would hide them else.
    The lock on the run makes `publish_run` wait for rows on their way, and rows wait for it: a row
    that was begun before a run closed cannot arrive after it.
    """
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(
        "CREATE OR REPLACE FUNCTION guard_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only', "
        f"{_REFUSED}; END $$"
    )
    op.execute(
        "CREATE OR REPLACE FUNCTION guard_closed_run() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN PERFORM 1 FROM {schema}.runs WHERE id = NEW.run_id FOR KEY SHARE; "
        f"IF EXISTS (SELECT 1 FROM {schema}.publications WHERE run_id = NEW.run_id) THEN "
        f"RAISE EXCEPTION '{CLOSED}' USING {_REFUSED}; END IF; RETURN NEW; END $$"
    )
