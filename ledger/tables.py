"""The ledger's tables: what was released, said and proven, and who may ask.

Money is a float in minor units (an expectation need not be whole) beside its ISO 4217 ``currency``.
Rows of a run carry its ``run_id`` and are seen only once ``publications`` lists the run.
"""

from __future__ import annotations

from sqlalchemy import (
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
    func,
    literal_column,
)

from ledger.access_tables import audit_heads as audit_heads
from ledger.access_tables import audit_log as audit_log
from ledger.access_tables import book_pairs as book_pairs
from ledger.access_tables import books as books
from ledger.deal_tables import deal_outcomes as deal_outcomes
from ledger.deal_tables import deals as deals
from ledger.deal_tables import owner_bias as owner_bias
from ledger.declare import (
    UtcDateTime as UtcDateTime,
)
from ledger.declare import (
    amount,
    document,
    id_column,
    instant,
    metadata,
    run_column,
    text,
)
from ledger.effect_tables import effects as effects
from ledger.feature_tables import feature_layouts as feature_layouts
from ledger.feature_tables import feature_rows as feature_rows
from ledger.forecast_tables import forecast_books as forecast_books
from ledger.forecast_tables import period_actuals as period_actuals
from ledger.forecast_tables import target_chances as target_chances
from ledger.forecast_tables import vintage_scores as vintage_scores
from ledger.forecast_tables import vintages as vintages
from ledger.gap_tables import forecast_inputs as forecast_inputs
from ledger.gap_tables import forecast_items as forecast_items
from ledger.gap_tables import gaps as gaps
from ledger.gap_tables import scenario_runs as scenario_runs
from ledger.gap_tables import scenarios as scenarios
from ledger.inbox_tables import inbox as inbox
from ledger.inbox_tables import inbox_batches as inbox_batches
from ledger.job_tables import jobs as jobs
from ledger.webhook_tables import webhooks as webhooks

APPEND_ONLY = (
    "audit_log",
    "releases",
    "promotions",
    "runs",
    "publications",
    "run_models",
    "scores",
    "holdouts",
    "score_outcomes",
    "deals",
    "owner_bias",
    "deal_outcomes",
    "forecast_books",
    "vintages",
    "period_actuals",
    "vintage_scores",
    "target_chances",
    "forecast_inputs",
    "forecast_items",
    "gaps",
    "scenarios",
    "scenario_runs",
    "feature_layouts",
    "feature_rows",
)

releases = Table(
    "releases",
    metadata,
    id_column(),
    text("model"),
    Column("horizon_days", Integer, nullable=False),
    text("route"),
    text("candidate", 128),
    text("version", 128),
    text("digest"),
    Column("as_of", Date, nullable=False),
    instant("created_at"),
    document("metrics"),
    document("card"),
    Column("mlflow_run_id", String(64)),
    Index(None, "model", "horizon_days", "version"),
    sqlite_autoincrement=True,
)

promotions = Table(
    "promotions",
    metadata,
    id_column(),
    text("model"),
    text("route"),
    Column("horizon_days", Integer, nullable=False),
    Column("release_id", Integer, ForeignKey("releases.id"), nullable=False),
    instant("promoted_at"),
    text("reason", 500),
    Index(None, "model", "route", "horizon_days"),
    sqlite_autoincrement=True,
)

runs = Table(
    "runs",
    metadata,
    id_column(),
    text("kind", 16),
    Column("as_of", Date, nullable=False),
    instant("data_as_of"),
    instant("started_at"),
    document("note"),
    sqlite_autoincrement=True,
)

publications = Table(
    "publications",
    metadata,
    id_column(),
    run_column(),
    instant("published_at"),
    UniqueConstraint("run_id"),
    sqlite_autoincrement=True,
)

current_runs = Table(
    "current_runs", metadata, Column("kind", String(16), primary_key=True), run_column()
)

run_models = Table(
    "run_models",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id"), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("horizon_days", Integer, primary_key=True),
    Column("release_id", Integer, ForeignKey("releases.id"), primary_key=True),
)

scores = Table(
    "scores",
    metadata,
    id_column(),
    run_column(),
    text("account_id"),
    text("model"),
    Column("horizon_days", Integer, nullable=False),
    Column("release_id", Integer, ForeignKey("releases.id"), nullable=False),
    text("route"),
    amount("value"),
    text("unit", 16),
    Column("currency", String(3)),
    Column("rank", Integer, nullable=False),
    text("band", 16),
    document("reasons"),
    document("features", nullable=True),
    document("detail", nullable=True),
    UniqueConstraint("run_id", "model", "horizon_days", "account_id"),
    Index(None, "account_id", "run_id"),
)

at_risk = Table(
    "at_risk",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id"), primary_key=True),
    Column("account_id", String(64), primary_key=True),
    Column("name", String(200)),
    Column("segment", String(64)),
    Column("country", String(64)),
    Column("owner_id", String(64)),
    text("route"),
    text("status", 16),
    amount("risk"),
    text("band", 16),
    amount("value_if_kept_minor"),
    amount("expected_loss_minor"),
    text("currency", 3),
    Column("rank", Integer, nullable=False),
    Column("recency_days", Float),
    Column("last_order_on", Date),
    document("reasons"),
    document("curve", nullable=True),
    document("causes", nullable=True),
    amount("risk_low", nullable=True),
    amount("risk_high", nullable=True),
    Column("renewal_on", Date),
    Column("notice_by_on", Date),
    Column("days_to_act", Integer),
    amount("mrr_minor", nullable=True),
    amount("arr_at_risk_minor", nullable=True),
    Column("leaving_on", Date),
    Column("treatment", String(16)),
    Column("team", String(128)),
    Column("region", String(128)),
    Index(None, "run_id", "owner_id"),
)
# accounts that lack the value stand behind all others; written out, not bound, or SQLite would not
# see that its index holds it
recency_or_last = func.coalesce(at_risk.c.recency_days, literal_column("-1.0", Float))
days_or_last = func.coalesce(at_risk.c.days_to_act, literal_column("1000000", Integer))
_AT_RISK_ORDERS = {
    "loss": at_risk.c.expected_loss_minor.desc(),
    "risk": at_risk.c.risk.desc(),
    "value": at_risk.c.value_if_kept_minor.desc(),
    "recency": recency_or_last.desc(),
    "days": days_or_last.asc(),
}
for _name, _order in _AT_RISK_ORDERS.items():
    # the columns behind the account let SQLite pass over a row without reading it
    _places = (at_risk.c.account_id, at_risk.c.status, at_risk.c.country, at_risk.c.segment)
    Index(f"ix_at_risk_by_{_name}", at_risk.c.run_id, _order, *_places)

holdouts = Table(
    "holdouts",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("account_id", String(64), primary_key=True),
    Column("assigned_on", Date, nullable=False),
    instant("assigned_at"),
    text("arm", 16),
    amount("draw"),
    amount("share"),
    text("key_digest"),
)

score_outcomes = Table(
    "score_outcomes",
    metadata,
    id_column(),
    run_column(),
    text("account_id"),
    text("model"),
    Column("horizon_days", Integer, nullable=False),
    text("route"),
    Column("as_of", Date, nullable=False),
    amount("value"),
    Column("happened", Boolean, nullable=False),
    Column("happened_on", Date),
    Column("cause", String(32)),
    text("arm", 16),
    Column("treated", Boolean, nullable=False),
    amount("value_if_kept_minor", nullable=True),
    amount("expected_loss_minor", nullable=True),
    Column("currency", String(3)),
    Column("known_on", Date, nullable=False),
    instant("recorded_at"),
    UniqueConstraint("model", "horizon_days", "account_id", "as_of"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(8), primary_key=True),
    text("secret_hash"),
    text("role", 32),
    document("scopes"),
    text("label", 100),
    text("created_by", 100),
    instant("created_at"),
    instant("expires_at"),
    instant("revoked_at", nullable=True),
    Column("book", String(64)),
    document("cidrs", nullable=True),
    instant("last_used_at", nullable=True),
    Column("follows", String(8)),
)
