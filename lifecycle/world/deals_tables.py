"""Canonical rows of deals: versions, changes, contacts, and what each stage's name meant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lifecycle.world.canonical import build_rows, picked, tags
from lifecycle.world.deals_book import Column
from lifecycle.world.deals_new import KINDS, RIVALS, SOURCES
from lifecycle.world.deals_rates import STAGES
from lifecycle.world.deals_record import CATEGORIES, MOVES, NONE, STATES
from lifecycle.world.presets import CURRENCY
from lifecycle.world.selling_activities import DIRECTIONS, OUTCOMES
from lifecycle.world.selling_activities import KINDS as CONTACT_KINDS
from lifecycle.world.selling_record import SellingRecord

ID_WIDTH = 7
STAGE_NAMES = ("Qualification", "Discovery", "Evaluation", "Proposal", "Negotiation",
               "Closed Won", "Closed Lost")  # fmt: skip
"""As the source names its stages at first; the last two are the closed ones."""

RENAMED_STAGE, NEW_NAME = 2, "Technical Validation"
RENAME_SHARE = 0.55
"""Share of the data's weeks after which a stage is renamed."""

OUR_STAGES = (*STAGES, "won", "lost")
SOURCE_WIN_SHARES = (0.10, 0.20, 0.40, 0.60, 0.80, 1.0, 0.0)
"""The sales system's own stage probabilities: too high, as they are everywhere."""

PIPELINE_NAME = "sales"


def rename_day(record: SellingRecord) -> int:
    """Return the day from which one stage goes by its new name, in days since the start."""
    return 7 * round(RENAME_SHARE * record.params.weeks)


def build_versions(record: SellingRecord) -> pa.Table:
    """Return ``opportunities``: a version each time a deal was edited."""
    rows, deals = record.versions, record.deals
    of = rows["deal"]
    lead, rival = deals["lead"][of], rows["competitor"]
    columns = {
        "opportunity_id": deal_ids(of),
        "account_id": record.account_ids().take(pa.array(of)),
        "lead_id": _null_where(tags("L", lead, width=ID_WIDTH), lead < 0),
        "owner_id": picked(record.owner_names, rows["owner"]),
        "kind": picked(KINDS, deals["kind"][of]),
        "created_at": deals["created"][of],
        "source": picked(SOURCES, deals["source"][of]),
        "stage": _stage_names(record, rows["stage"], rows["known"]),
        "category": picked(CATEGORIES, rows["category"]),
        "amount_minor": _or_nan(rows["amount"]),
        "currency": CURRENCY,
        "close_on": rows["close_on"],
        "outcome": picked(STATES, rows["state"]),
        "closed_at": rows["closed"],
        "next_step_at": rows["next_step"],
        "competitor": picked(RIVALS, rival, none=rival == 0),
        "discount_share": _shares(rows["discount"]),
        "term_months": rows["term"].astype(np.int64),
        "known_at": rows["known"],
    }
    return build_rows("opportunities", record.params.start, columns)


def build_changes(record: SellingRecord) -> pa.Table:
    """Return ``opportunity_changes``: one row for each field that moved in an edit."""
    rows = record.changes
    field = rows["field"]
    texts = {side: _text_side(record, side) for side in ("before", "after")}
    is_amount, is_close = (field == MOVES.index(name) for name in ("amount", "close_on"))
    columns: dict[str, Any] = {
        "change_id": tags("OC", np.arange(len(field)), width=ID_WIDTH),
        "opportunity_id": deal_ids(rows["deal"]),
        "changed_at": rows["changed"],
        "field": picked(MOVES, field),
        "currency": _null_where(pa.repeat(pa.scalar(CURRENCY), len(field)), ~is_amount),
        "changed_by": picked(record.owner_names, rows["by"]),
        "known_at": rows["known"],
    }
    for side in ("before", "after"):
        columns[f"text_{side}"] = texts[side]
        columns[f"amount_{side}_minor"] = np.where(is_amount, _or_nan(rows[side]), np.nan)
        columns[f"close_{side}_on"] = np.where(is_close, _or_nan(rows[side]), np.nan)
    return build_rows("opportunity_changes", record.params.start, columns)


def build_activities(record: SellingRecord) -> pa.Table:
    """Return ``activities`` about deals."""
    rows = record.activities
    deal, kind = rows["deal"], rows["kind"]
    known = np.where(kind == 0, rows["at"] + 1 / 48, rows["at"] + 1 / 12)
    columns = {
        "activity_id": tags("OA", np.arange(len(deal)), width=ID_WIDTH),
        "account_id": record.account_ids().take(pa.array(deal)),
        "opportunity_id": deal_ids(deal),
        "owner_id": picked(record.owner_names, rows["owner"]),
        "kind": picked(CONTACT_KINDS, kind),
        "direction": picked([word or "" for word in DIRECTIONS], kind, none=kind == 3),
        "outcome": picked([word or "" for word in OUTCOMES], rows["outcome"],
                          none=rows["outcome"] == 0),
        "occurred_at": rows["at"],
        "duration_minutes": rows["minutes"],
        "people_count": rows["people"].astype(np.float64),
        "sentiment": np.round(rows["tone"].astype(np.float64), 2),
        "known_at": known,
    }  # fmt: skip
    return build_rows("activities", record.params.start, columns)


def build_stage_maps(record: SellingRecord) -> pa.Table:
    """Return ``stage_maps``: the old name ends on the day of the renaming, and both are known."""
    renamed, places = rename_day(record), np.arange(len(STAGE_NAMES))
    first = (record.params.start - timedelta(days=365) - record.params.start).days
    names = [*STAGE_NAMES, STAGE_NAMES[RENAMED_STAGE], NEW_NAME]
    place = np.array([*places, RENAMED_STAGE, RENAMED_STAGE])
    known = np.array([*(0.0 for _ in places), renamed, renamed], float)
    ends = np.array([*(np.nan for _ in places), renamed, np.nan])
    starts = np.array([*(first for _ in places), first, renamed], float)
    columns = {
        "pipeline": PIPELINE_NAME,
        "source_stage": pa.array(names, pa.string()),
        "effective_from": starts,
        "effective_to": ends,
        "stage": picked(OUR_STAGES, place),
        "position": place,
        "win_share": np.array(SOURCE_WIN_SHARES)[place],
        "is_won": place == OUR_STAGES.index("won"),
        "is_lost": place == OUR_STAGES.index("lost"),
        "known_at": known,
    }
    return build_rows("stage_maps", record.params.start, columns)


def deal_ids(deals: npt.NDArray[Any]) -> pa.Array:
    """Return opportunity ids of deals by their places."""
    return tags("O", deals, width=ID_WIDTH)


def _text_side(record: SellingRecord, side: str) -> pa.Array:
    """Return the text of one side of every change: stage, category, owner or outcome."""
    rows = record.changes
    words = np.full(len(rows["field"]), None, dtype=object)
    stages = np.array([*STAGE_NAMES, NEW_NAME], object)
    lists: dict[str, Any] = {
        "category": np.array(CATEGORIES, object),
        "owner": np.array(record.owner_names, object),
        "outcome": np.array(STATES, object),
    }
    for name, texts in lists.items():
        at = np.flatnonzero(rows["field"] == MOVES.index(name))
        words[at] = texts[rows[side][at]]
    for name in ("stage", "created"):
        at = np.flatnonzero((rows["field"] == MOVES.index(name)) & (rows[side] != NONE))
        words[at] = stages[_name_places(record, rows[side][at], rows["known"][at])]
    return pa.array(words, pa.string())


def _stage_names(record: SellingRecord, stage: Column, known: Column) -> pa.Array:
    return picked((*STAGE_NAMES, NEW_NAME), _name_places(record, stage, known))


def _name_places(record: SellingRecord, stage: Column, known: Column) -> npt.NDArray[np.int64]:
    """Return which name a stage went by when it was written down."""
    is_new = (stage == RENAMED_STAGE) & (known >= rename_day(record))
    return np.where(is_new, len(STAGE_NAMES), stage).astype(np.int64)


def _or_nan(values: Column) -> npt.NDArray[np.float64]:
    return np.asarray(np.where(values == NONE, np.nan, values), np.float64)


def _shares(values: Column) -> npt.NDArray[np.float64]:
    """Widen shares without the noise of their last float32 digits."""
    return np.asarray(np.round(values.astype(np.float64), 3), np.float64)


def _null_where(values: pa.Array, none: npt.NDArray[np.bool_]) -> pa.Array:
    return values.take(pa.array(np.arange(len(values)), mask=none))
