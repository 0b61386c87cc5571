"""Deals: what was said of each open deal, and how owners' commits compare with what they won."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.guards import guards

revision = "0003"
down_revision: str | None = "0002"

GUARDED = ("deals", "owner_bias")


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _link(name: str, target: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target), nullable=False)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _maybe(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names]


def upgrade() -> None:
    """Make the tables, then the guards that keep what was said from being rewritten."""
    _make_deals()
    _make_owner_bias()
    guards(append_only=GUARDED, closed=GUARDED)


def _make_deals() -> None:
    op.create_table(
        "deals",
        _id(),
        _link("run_id", "runs.id"),
        _need("opportunity_id", sa.String(64)),
        _link("release_id", "releases.id"),
        *_maybe(sa.String(64), "account_id"),
        *_maybe(sa.String(200), "account_name"),
        *_maybe(sa.String(64), "owner_id"),
        *_maybe(sa.String(128), "team", "segment"),
        *_maybe(sa.String(32), "kind"),
        *_maybe(sa.String(128), "stage"),
        *_maybe(sa.String(32), "category"),
        *_maybe(sa.BigInteger, "amount_minor"),
        *_maybe(sa.String(3), "currency"),
        *_maybe(sa.Date, "close_on", "next_step_on"),
        *_maybe(sa.Integer, "age_days", "stage_age_days", "push_count", "silence_days"),
        _need("p_win", sa.Float),
        *_maybe(sa.Float, "p_win_quarter", "p_win_eventual", "p_slip"),
        *_maybe(sa.BigInteger, "expected_amount_minor", "expected_in_quarter_minor"),
        _need("stalled", sa.Boolean),
        *_maybe(sa.Integer, "stalled_days"),
        _need("rank", sa.Integer),
        _need("band", sa.String(16)),
        _need("reasons", sa.Text),
        *_maybe(sa.Text, "detail", "history"),
        sa.UniqueConstraint("run_id", "opportunity_id", name="uq_deals_run_id_opportunity_id"),
    )
    for columns in (
        ("opportunity_id", "run_id"),
        ("run_id", "p_win", "opportunity_id"),
        ("run_id", "owner_id"),
    ):
        op.create_index(f"ix_deals_{'_'.join(columns)}", "deals", list(columns))


def _make_owner_bias() -> None:
    op.create_table(
        "owner_bias",
        _id(),
        _link("run_id", "runs.id"),
        _need("owner_id", sa.String(64)),
        *_maybe(sa.String(128), "team"),
        *_maybe(sa.String(16), "label"),
        *[_need(name, sa.Float) for name in ("ratio", "ratio_low", "ratio_high", "p_beyond")],
        *_maybe(sa.Float, "beside_others"),
        _need("deals_count", sa.Integer),
        _need("quarters_count", sa.Integer),
        *_maybe(sa.Float, "late_share", "late_low", "late_high"),
        _need("won_count", sa.Integer),
        *_maybe(sa.BigInteger, "commit_minor", "won_minor"),
        *_maybe(sa.String(3), "currency"),
        _need("measured_on", sa.Date),
        sa.UniqueConstraint("run_id", "owner_id", name="uq_owner_bias_run_id_owner_id"),
    )
