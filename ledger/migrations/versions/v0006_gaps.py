"""What a forecast rests on, its gap to targets, and scenarios."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.guards import guards

revision = "0006"
down_revision: str | None = "0005"

GUARDED = ("forecast_inputs", "forecast_items", "gaps", "scenarios", "scenario_runs")
CLOSED = ("forecast_inputs", "forecast_items", "gaps")
"""Their rows belong to a run, which takes none once it is published."""

KEY = ("run_id", "target", "period", "origin")


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _link(name: str, target: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target), nullable=False)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Make the tables, then the guards that keep what was said from being rewritten."""
    op.create_table(
        "input_contents",
        sa.Column("digest", sa.String(64), primary_key=True),
        _need("content", sa.LargeBinary),
        _need("kept_on", sa.Date),
    )
    _make("forecast_inputs", _need("digest", sa.String(64)), index=("target", "period", "run_id"))
    _make("forecast_items", _need("content", sa.LargeBinary), index=("target", "period", "origin"))
    _make("gaps", _need("answer", sa.Text), index=("target", "period", "run_id"))
    _make_scenarios()
    guards(append_only=GUARDED, closed=CLOSED)


def _make(name: str, *columns: sa.Column[Any], index: tuple[str, ...]) -> None:
    op.create_table(
        name,
        _id(),
        _link("run_id", "runs.id"),
        _need("target", sa.String(16)),
        _need("period", sa.String(8)),
        _need("origin", sa.Date),
        *columns,
        sa.UniqueConstraint(*KEY, name=f"uq_{name}_{'_'.join(KEY)}"),
    )
    op.create_index(f"ix_{name}_{'_'.join(index)}", name, list(index))


def _make_scenarios() -> None:
    op.create_table(
        "scenarios",
        _id(),
        _need("name", sa.String(100)),
        _need("target", sa.String(16)),
        _need("period", sa.String(8)),
        _need("rationale", sa.String(2000)),
        _need("author", sa.String(100)),
        _need("change", sa.Text),
        _need("created_at", sa.DateTime),
        sa.UniqueConstraint("name", name="uq_scenarios_name"),
    )
    op.create_table(
        "scenario_runs",
        _id(),
        _link("scenario_id", "scenarios.id"),
        _link("forecast_run_id", "runs.id"),
        _need("origin", sa.Date),
        _need("digest", sa.String(64)),
        _need("computed_at", sa.DateTime),
        _need("result", sa.Text),
        sa.UniqueConstraint(
            "scenario_id",
            "forecast_run_id",
            name="uq_scenario_runs_scenario_id_forecast_run_id",
        ),
    )
