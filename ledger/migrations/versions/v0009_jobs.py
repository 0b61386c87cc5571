"""Jobs, their leases, results and effects, due times of the schedule, and workers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _job() -> sa.Column[Any]:
    link = sa.ForeignKey("jobs.id")
    return sa.Column("job_id", sa.Integer, link, primary_key=True, autoincrement=False)


def upgrade() -> None:
    """Make the tables."""
    _make_jobs()
    op.create_table(
        "job_leases",
        _job(),
        _need("token", sa.String(32)),
        _need("worker", sa.String(100)),
        _need("beats", sa.Integer),
    )
    op.create_table(
        "job_results",
        _job(),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        _need("content", sa.LargeBinary),
    )
    op.create_table(
        "job_effects", _job(), sa.Column("name", sa.String(200), primary_key=True)
    )
    op.create_table(
        "due_times",
        sa.Column("schedule", sa.String(32), primary_key=True),
        sa.Column("due_at", sa.DateTime, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id")),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(100), primary_key=True),
        _need("started_at", sa.DateTime),
        _need("seen_at", sa.DateTime),
        _need("running", sa.Integer),
    )


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        _need("kind", sa.String(32)),
        _need("payload", sa.Text),
        _need("state", sa.String(16)),
        _need("created_by", sa.String(100)),
        sa.Column("dedup", sa.String(200)),
        _need("created_at", sa.DateTime),
        sa.Column("due_at", sa.DateTime),
        sa.Column("started_at", sa.DateTime),
        sa.Column("finished_at", sa.DateTime),
        _need("tries", sa.Integer),
        sa.Column("cancel_asked_at", sa.DateTime),
        _need("progress", sa.Float),
        _need("message", sa.Text),
        sa.Column("result_media", sa.String(100)),
        sa.Column("result_bytes", sa.Integer),
        sa.Column("result_digest", sa.String(64)),
        sa.Column("kept_until", sa.DateTime),
        sa.UniqueConstraint("kind", "dedup", name="uq_jobs_kind_dedup"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state_id", "jobs", ["state", "id"])
    op.create_index("ix_jobs_created_by_id", "jobs", ["created_by", "id"])


def downgrade() -> None:
    """Drop the tables: what was done stands in the runs that the jobs published."""
    for table in ("workers", "due_times", "job_effects", "job_results", "job_leases", "jobs"):
        op.drop_table(table)
