"""How right issued chances to win in the quarter were: all together, and by model version.

Brier, AUC and reliability table as in `ledger.judged`; the yardstick of the Brier score is the
group's own win rate r said of every deal, r (1 - r), which nobody knew beforehand. Deals closed
in bulk are counted and not judged.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select

from ledger.deal_tables import deal_outcomes
from ledger.engine import Ledger
from ledger.judged import Bin, Judged, area_under_curve, read_bins, select_orders, select_sums
from ledger.proportions import wilson
from ledger.tables import releases

ALL = "all"
"""Stands for all model versions together."""

_row = deal_outcomes.c


@dataclass(frozen=True)
class ChanceBin:
    """Chances of about the same size: what was said beside what was won, n beside both."""

    chance_from: float
    chance_to: float
    n: int
    deals_count: int
    mean_chance: float
    win_rate: float
    win_rate_low: float
    win_rate_high: float


@dataclass(frozen=True)
class DealRecord:
    """How right the chances of one model version were, or of ``all``.

    Attributes
    ----------
    n, deals_count, days_count, quarters_count
        Chances, distinct deals (the honest sample size), days they stood on, quarters they are of.
    wins_count
        Chances whose deal was won in the quarter.
    left_out_count
        Chances whose deal was closed in bulk in the quarter; in no other figure.
    expected_to_won
        Sum of chances over wins: 1 is right on the whole; ``None`` if none was won.
    brier_base, brier_skill, auc
        See the module; ``None`` where all or none were won.
    bins
        Reliability table.
    """

    model_version: str
    n: int
    deals_count: int
    days_count: int
    quarters_count: int
    first_as_of: str
    last_as_of: str
    wins_count: int
    left_out_count: int
    mean_chance: float
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    expected_to_won: float | None
    brier: float
    brier_base: float
    brier_skill: float | None
    auc: float | None
    bins: list[ChanceBin]


def read_deal_record(ledger: Ledger) -> list[DealRecord]:
    """Return the record of all judged chances, then of each model version, the newest first.

    Before the first quarter is judged the list is empty.
    """
    with ledger.reading() as connection:
        versions = connection.execute(select(releases.c.id, releases.c.version))
        names = {row.id: row.version for row in versions}
        swept = {row.release_id: int(row.n) for row in connection.execute(_left_out())}
        together = _read_group(connection, ())
        apart = _read_group(connection, (_row.release_id,))
    records = [replace(record, left_out_count=sum(swept.values())) for record in together.values()]
    for key in sorted(apart, reverse=True):
        told = {"model_version": names[key[0]], "left_out_count": swept.get(key[0], 0)}
        records.append(replace(apart[key], **told))
    return records


def _left_out() -> Select[Any]:
    return (
        select(_row.release_id, func.count().label("n"))
        .where(_row.won.is_(None))
        .group_by(_row.release_id)
    )


def _read_group(
    connection: Connection, keys: tuple[ColumnElement[Any], ...]
) -> dict[tuple[Any, ...], DealRecord]:
    judged = Judged(
        _row.chance, _row.won, _row.opportunity_id, _row.as_of, keys, (_row.won.is_not(None),)
    )
    quarters = func.count(_row.quarter_ends_before.distinct()).label("quarters_count")
    orders = connection.execute(select_orders(judged)).all()
    ranks = {tuple(one[: len(keys)]): one.rank_sum for one in orders}
    bins = read_bins(connection, judged)
    found = {}
    for row in connection.execute(select_sums(judged, quarters)).mappings():
        key = tuple(row[name] for name in keys)
        if row["n"]:  # without keys a table without rows gives one sum of nothing
            found[key] = _record(row, rank_sum=ranks[key], bins=bins[key])
    return found


def _record(row: RowMapping, *, rank_sum: float, bins: list[Bin]) -> DealRecord:
    n, wins = int(row["n"]), float(row["events"])
    rate = wins / n
    base = rate * (1 - rate)
    low, high = wilson(rate * row["units_count"], row["units_count"])
    return DealRecord(
        model_version=ALL,
        n=n,
        deals_count=row["units_count"],
        days_count=row["days_count"],
        quarters_count=row["quarters_count"],
        first_as_of=str(row["first"]),
        last_as_of=str(row["last"]),
        wins_count=int(wins),
        left_out_count=0,
        mean_chance=row["said"] / n,
        win_rate=rate,
        win_rate_low=low,
        win_rate_high=high,
        expected_to_won=row["said"] / wins if wins else None,
        brier=row["brier"],
        brier_base=base,
        brier_skill=1 - row["brier"] / base if base else None,
        auc=area_under_curve(rank_sum, wins, n),
        bins=[ChanceBin(*astuple(one)) for one in bins],
    )
