"""The ledger's tables of deals: what was said of each open deal, and of each owner's commits.

Money is whole here, in minor units: it is a deal's own amount, or an expectation rounded once.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from ledger.declare import amount, document, id_column, metadata, run_column, text

deals = Table(
    "deals",
    metadata,
    id_column(),
    run_column(),
    text("opportunity_id"),
    Column("release_id", Integer, ForeignKey("releases.id"), nullable=False),
    Column("account_id", String(64)),
    Column("account_name", String(200)),
    Column("owner_id", String(64)),
    Column("team", String(128)),
    Column("segment", String(128)),
    Column("kind", String(32)),
    Column("stage", String(128)),
    Column("category", String(32)),
    Column("amount_minor", BigInteger),
    Column("currency", String(3)),
    Column("close_on", Date),
    Column("next_step_on", Date),
    Column("age_days", Integer),
    Column("stage_age_days", Integer),
    Column("push_count", Integer),
    Column("silence_days", Integer),
    amount("p_win"),
    amount("p_win_quarter", nullable=True),
    amount("p_win_eventual", nullable=True),
    amount("p_slip", nullable=True),
    Column("expected_amount_minor", BigInteger),
    Column("expected_in_quarter_minor", BigInteger),
    Column("stalled", Boolean, nullable=False),
    Column("stalled_days", Integer),
    Column("rank", Integer, nullable=False),
    text("band", 16),
    document("reasons"),
    document("detail", nullable=True),
    document("history", nullable=True),
    UniqueConstraint("run_id", "opportunity_id"),
    Index(None, "opportunity_id", "run_id"),
    Index(None, "run_id", "p_win", "opportunity_id"),
    Index(None, "run_id", "owner_id"),
)

owner_bias = Table(
    "owner_bias",
    metadata,
    id_column(),
    run_column(),
    text("owner_id"),
    Column("team", String(128)),
    Column("label", String(16)),
    amount("ratio"),
    amount("ratio_low"),
    amount("ratio_high"),
    amount("p_beyond"),
    Column("deals_count", Integer, nullable=False),
    Column("quarters_count", Integer, nullable=False),
    Column("late_share", Float),
    Column("late_low", Float),
    Column("late_high", Float),
    Column("won_count", Integer, nullable=False),
    Column("commit_minor", BigInteger),
    Column("won_minor", BigInteger),
    Column("currency", String(3)),
    UniqueConstraint("run_id", "owner_id"),
)
