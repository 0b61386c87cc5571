"""Row scopes of keys, the books they name, and the chain of what was done by whom."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.guards import guards

revision = "0008"
down_revision: str | None = "0007"

NO_HASH = "0" * 64


ADDED: tuple[tuple[str, str, Any], ...] = (
    ("api_keys", "book", sa.String(64)),
    ("api_keys", "cidrs", sa.Text),
    ("api_keys", "last_used_at", sa.DateTime),
    ("api_keys", "follows", sa.String(8)),
    ("at_risk", "team", sa.String(128)),
    ("at_risk", "region", sa.String(128)),
    ("deals", "region", sa.String(128)),
)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Add what keys and rows lack, then make the books and the audit log."""
    for table, name, kind in ADDED:
        op.add_column(table, sa.Column(name, kind))
    _make_books()
    _make_audit()
    guards(append_only=["audit_log"])


def _make_books() -> None:
    op.create_table(
        "books",
        sa.Column("name", sa.String(64), primary_key=True),
        _need("created_by", sa.String(100)),
        _need("created_at", sa.DateTime),
    )
    op.create_table(
        "book_pairs",
        sa.Column("book", sa.String(64), sa.ForeignKey("books.name"), primary_key=True),
        sa.Column("dimension", sa.String(16), primary_key=True),
        sa.Column("value", sa.String(128), primary_key=True),
    )


def _make_audit() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        _need("at", sa.DateTime),
        _need("principal", sa.String(100)),
        sa.Column("key_id", sa.String(64)),
        sa.Column("role", sa.String(32)),
        sa.Column("ip", sa.String(64)),
        sa.Column("request_id", sa.String(64)),
        _need("action", sa.String(64)),
        _need("object", sa.String(200)),
        _need("outcome", sa.String(16)),
        _need("times", sa.Integer),
        _need("break_glass", sa.Boolean),
        sa.Column("before_hash", sa.String(64)),
        sa.Column("after_hash", sa.String(64)),
        sa.Column("reason", sa.String(500)),
        _need("prev_hash", sa.String(64)),
        _need("hash", sa.String(64)),
    )
    op.create_index("ix_audit_log_action_seq", "audit_log", ["action", "seq"])
    heads = op.create_table(
        "audit_heads",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        _need("seq", sa.Integer),
        _need("hash", sa.String(64)),
    )
    op.bulk_insert(heads, [{"id": 1, "seq": 0, "hash": NO_HASH}])


def downgrade() -> None:
    """Take away what was added, the audit log too."""
    for table in ("audit_heads", "audit_log", "book_pairs", "books"):
        op.drop_table(table)
    for table, name, _ in ADDED:
        op.drop_column(table, name)
