"""The ledger's tables of long work: jobs, who holds them, what they take and give, due times.

Who holds a job stands in a row of its own. Renewing a lease changes only ``beats`` there, so that
it never waits for a transaction that has taken the row to be sure that the lease still holds.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from ledger.declare import UtcDateTime, document, id_column, instant, metadata, text

jobs = Table(
    "jobs",
    metadata,
    id_column(),
    text("kind", 32),
    document("payload"),
    text("state", 16),
    text("created_by", 100),
    # empty once a worker has taken the job: what asks again then wants another one
    Column("dedup", String(200)),
    instant("created_at"),
    # empty: at once. Whoever asks and whoever works need not agree on what time it is
    instant("due_at", nullable=True),
    instant("started_at", nullable=True),
    instant("finished_at", nullable=True),
    Column("tries", Integer, nullable=False),
    instant("cancel_asked_at", nullable=True),
    Column("progress", Float, nullable=False),
    Column("message", Text, nullable=False),
    Column("result_media", String(100)),
    Column("result_bytes", Integer),
    Column("result_digest", String(64)),
    instant("kept_until", nullable=True),
    UniqueConstraint("kind", "dedup"),
    Index(None, "state", "id"),
    Index(None, "created_by", "id"),
    sqlite_autoincrement=True,
)

job_leases = Table(
    "job_leases",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    text("token", 32),
    text("worker", 100),
    Column("beats", Integer, nullable=False),
)

job_results = Table(
    "job_results",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

job_inputs = Table(
    "job_inputs",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

job_effects = Table(
    "job_effects",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    Column("name", String(200), primary_key=True),
)

due_times = Table(
    "due_times",
    metadata,
    Column("schedule", String(32), primary_key=True),
    Column("due_at", UtcDateTime, primary_key=True),
    # empty: the time passed before there was a schedule
    Column("job_id", Integer, ForeignKey("jobs.id")),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(100), primary_key=True),
    instant("started_at"),
    instant("seen_at"),
    Column("running", Integer, nullable=False),
)
