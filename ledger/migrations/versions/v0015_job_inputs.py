"""What jobs are to work on, where that is too large for their row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0013"


def upgrade() -> None:
    """Make the table."""
    job = sa.ForeignKey("jobs.id")
    op.create_table(
        "job_inputs",
        sa.Column("job_id", sa.Integer, job, primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop the table: jobs that wait are asked for again."""
    op.drop_table("job_inputs")
