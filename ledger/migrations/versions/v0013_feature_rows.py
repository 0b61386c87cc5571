"""The feature rows that scores were computed from."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"

TABLES = ("feature_layouts", "feature_rows")


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _link(name: str, target: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target), nullable=False)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Make the tables, then the guards that keep what was said from being rewritten."""
    op.create_table(
        "feature_layouts",
        _id(),
        _link("run_id", "runs.id"),
        _need("route", sa.String(64)),
        _need("columns", sa.Text),
        sa.UniqueConstraint("run_id", "route", name="uq_feature_layouts_run_id_route"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "feature_rows",
        _id(),
        _link("layout_id", "feature_layouts.id"),
        _link("run_id", "runs.id"),
        _need("unit_id", sa.String(64)),
        _need("digest", sa.String(64)),
        _need("content", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_feature_rows_run_id_unit_id", "feature_rows", ["run_id", "unit_id"], unique=True
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()


def _guard_on_sqlite() -> None:
    for table in TABLES:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER guard_{table}_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        op.execute(
            f"CREATE TRIGGER guard_{table}_closed BEFORE INSERT ON {table} "
            "WHEN EXISTS (SELECT 1 FROM publications WHERE run_id = NEW.run_id) "
            "BEGIN SELECT RAISE(ABORT, 'the run was published and is closed'); END"
        )


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION guard_feature_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP <> 'INSERT' THEN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END IF; "
        "IF EXISTS (SELECT 1 FROM publications WHERE run_id = NEW.run_id) THEN "
        "RAISE EXCEPTION 'the run was published and is closed'; END IF; "
        "RETURN NEW; END $$"
    )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER guard_{table}_rows BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION guard_feature_rows()"
        )
        op.execute(
            f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION guard_feature_rows()"
        )


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION guard_feature_rows()")
