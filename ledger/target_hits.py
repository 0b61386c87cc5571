"""How right the chances to reach a target were: each one said, beside whether it was reached.

Nothing of a hit is stored: it follows from the newest actual of the quarter, which is at least the
target or is not. Brier score and reliability table as in ``ledger.judged``; the yardstick is the
share h of targets reached said of each, h (1 - h), which nobody knew beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Subquery, and_, select

from ledger.engine import Ledger
from ledger.forecast_tables import target_chances
from ledger.judged import Bin, Judged, read_bins, select_sums
from ledger.vintage_scores import newest_actuals
from ledger.vintages import Wanted, counted_books


@dataclass(frozen=True)
class HitRecord:
    """How right chances to reach targets were.

    Attributes
    ----------
    n, targets_count
        Chances, and distinct targets of quarters among them: the honest sample size.
    hits_count
        Chances whose target was reached.
    mean_chance, hit_rate
        What was said and what was seen, 0-1.
    brier, brier_base, brier_skill
        See the module; skill is ``None`` where all or none were reached.
    bins
        Reliability table.
    """

    n: int
    targets_count: int
    hits_count: int
    mean_chance: float
    hit_rate: float
    brier: float
    brier_base: float
    brier_skill: float | None
    bins: list[Bin]


def read_hit_record(ledger: Ledger, wanted: Wanted) -> HitRecord | None:
    """Return the record of chances of ended quarters; ``None`` before there is one.

    Parameters
    ----------
    wanted
        Target, source, node and period; its leg is not looked at: chances are those served.

    Raises
    ------
    UsageError
        The target is unknown.
    """
    said = _said(wanted)
    judged = Judged(said.c.p_hit, said.c.hit, said.c.unit, said.c.origin, ())
    with ledger.reading() as connection:
        row = connection.execute(select_sums(judged)).mappings().one()
        if not row["n"]:
            return None
        bins = read_bins(connection, judged)[()]
    rate = row["events"] / row["n"]
    base = rate * (1 - rate)
    return HitRecord(
        n=row["n"],
        targets_count=row["units_count"],
        hits_count=int(row["events"]),
        mean_chance=row["said"] / row["n"],
        hit_rate=rate,
        brier=row["brier"],
        brier_base=base,
        brier_skill=1 - row["brier"] / base if base else None,
        bins=bins,
    )


def _said(wanted: Wanted) -> Subquery:
    """Select p_hit, hit, unit and origin of the chances that count and have an actual."""
    counted, actuals, here = counted_books(wanted), newest_actuals(wanted.target), target_chances.c
    asked = {"target": wanted.target, "node": wanted.node, "period": wanted.period}
    same = [here[name] == counted.c[name] for name in ("run_id", "period", "origin")]
    unit = here.period + " " + here.node + " " + here.target_id
    hit = actuals.c.actual_minor >= here.target_minor
    return (
        select(here.p_hit, hit.label("hit"), unit.label("unit"), here.origin)
        .join(counted, and_(*same))
        .join(actuals, and_(actuals.c.period == here.period, actuals.c.node == here.node))
        .where(*[here[name] == value for name, value in asked.items() if value is not None])
        .subquery("said")
    )
