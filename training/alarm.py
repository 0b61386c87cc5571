"""The leak alarm: signs that a model has seen what it may not, written on its card.

A finding *rings*, and refuses the release, when

* **clock**: more than ``EARLY_SHARE`` of an event table is on record over a day before it happened;
* **overwritten**: a custom field, as it was told long ago, says which of the accounts living then
  are gone today (AUC of ``OVERWRITTEN_AUC`` or more): its past was written over in place;
* **lone field**: without one field the best fitted model's AUC on the last past origins falls by
  more than ``LONE_DROP``, and with it lies by two standard errors over what honest fields reach
  alone: ``HONEST_LONE_AUC``, or ``HONEST_CALENDAR_AUC`` for the calendar of the contract itself
  (renewal, notice deadline, term, tenure), on which leaving really does hang;
* **ceiling**: the served or the best fitted model's AUC lies over a ceiling that nothing honest
  exceeds (an oracle's, the band of a control) by two standard errors.

Use dated before an account's first contract is a note, no alarm: it spoils features but tells no
future.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.lines import build_lines
from lifecycle.errors import DataError, RefusedError
from lifecycle.snapshot import Snapshot
from models import accuracy
from models.base import Examples, FloatArray
from training.evaluate import Evaluation

LONE_DROP = 0.10
HONEST_LONE_AUC = 0.65
HONEST_CALENDAR_AUC = 0.90
CALENDAR = frozenset({"renewal", "contract", "tenure"})
"""Families of fields that were fixed when the contract was signed."""
OVERWRITTEN_AUC = 0.90
EARLY_SHARE = 0.001
BEFORE_SHARE = 0.01
CLOCKS = {
    "subscription_changes": "changed_at",
    "usage": "used_at",
    "tickets": "opened_at",
    "surveys": "answered_at",
    "invoices": "issued_at",
    "payments": "paid_at",
}
MOST_WORDS, FEWEST_GONE = 20, 20
CUSTOM = ("text:", "number:")


@dataclass(frozen=True)
class Finding:
    """One sign of a leak, or a note.

    Attributes
    ----------
    rule
        clock, overwritten, lone_field, ceiling, or before_start.
    field
        Table or column; empty for the model as a whole.
    text
        What was found, in figures.
    rings
        Whether it refuses the release.
    """

    rule: str
    field: str
    text: str
    rings: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def check_alarm(findings: Sequence[Mapping[str, Any]], *, accepted: bool = False) -> None:
    """Refuse a model whose card carries a finding that rings, unless a person accepted it.

    Parameters
    ----------
    findings
        As on the card: JSON values of findings.
    accepted
        A person has looked and takes the responsibility.

    Raises
    ------
    RefusedError
        Names every finding that rings.
    """
    rings = [one for one in findings if one["rings"]]
    if rings and not accepted:
        raise RefusedError(
            "leak alarm: " + "; ".join(f"{one['rule']}: {one['text']}" for one in rings),
            "no field that knows the future",
            "correct or leave out what is named, or, if it is honest, pass --accept-alarm",
        )


def find_clock_faults(known: Snapshot) -> list[Finding]:
    """Find event tables that were on record before they happened, and use before any contract."""
    found = []
    for name, clock in CLOCKS.items():
        rows = known.table(name)
        early = rows.known_at < rows[clock] - ibis.interval(days=1)
        shares = known.collect(rows.aggregate(share=early.cast("float64").mean()))
        share = shares.column("share")[0].as_py() or 0.0
        if share > EARLY_SHARE:
            text = f"{share:.1%} of {name} were on record over a day before they happened"
            found.append(Finding("clock", name, text))
    before = _share_before_start(known)
    if before > BEFORE_SHARE:
        text = f"{before:.0%} of use is dated before the account's first contract"
        found.append(Finding("before_start", "usage", text, rings=False))
    return found


def _share_before_start(known: Snapshot) -> float:
    lines = build_lines(known)
    starts = lines.group_by("account_id").aggregate([("started_on", "min")])
    usage = known.table("usage").select("account_id", used_on=known.table("usage").used_at.date())
    days = known.collect(usage.group_by("account_id", "used_on").agg(rows=usage.count()))
    place = pc.index_in(days.column("account_id"), value_set=starts.column("account_id"))
    first = starts.column("started_on_min").take(place)
    early = pc.fill_null(pc.less(days.column("used_on"), first), False)
    bound = days.filter(pc.is_valid(place)).column("rows")
    total = pc.sum(bound).as_py() or 0
    return float((pc.sum(days.filter(early).column("rows")).as_py() or 0) / total) if total else 0.0


def find_overwritten(examples: Examples) -> list[Finding]:
    """Find custom fields whose value long ago tells who has left since.

    The rows of one early day are taken (a quarter into the past days): all that was decided from
    then until now counts, not only what fell in the label's window.
    """
    if examples.outcomes is None:
        return []
    days = np.unique(examples.as_of)
    rows = np.flatnonzero(examples.as_of == days[len(days) // 4])
    early = examples.take(rows)
    decided = examples.outcomes.column("decided_days").take(pa.array(rows))
    gone = np.isfinite(np.asarray(decided.to_numpy(), dtype=np.float64)).astype(float)
    if min(gone.sum(), (1 - gone).sum()) < FEWEST_GONE:
        return []
    found = []
    for name in early.frame.column_names:
        score = _tell(early.frame, name, gone) if name.startswith(CUSTOM) else None
        if score is not None and score >= OVERWRITTEN_AUC:
            text = f"{name} as of {days[len(days) // 4]} tells who is gone today: AUC {score:.3f}"
            found.append(Finding("overwritten", name, text))
    return found


def _tell(frame: pa.Table, name: str, gone: FloatArray) -> float | None:
    """Return the AUC of a field's own order, or of its words' shares of gone; None without one."""
    column = frame.column(name)
    if pa.types.is_floating(column.type):
        values = np.nan_to_num(np.asarray(column.to_numpy(), dtype=np.float64), nan=-1e18)
        area = accuracy.auc(gone, values)
        return max(area, 1.0 - area)
    words, place = np.unique([text or "" for text in column.to_pylist()], return_inverse=True)
    if len(words) > MOST_WORDS:
        return None
    shares = np.bincount(place, weights=gone) / np.bincount(place)
    return accuracy.auc(gone, shares[place])


def measure_auc(found: Evaluation, name: str) -> tuple[float, float]:
    """Return a candidate's mean AUC over origins and its standard error.

    The standard error is the larger of the spread between origins and what chance within them
    leaves (Hanley and McNeil 1982).

    Raises
    ------
    DataError
        No origin has both outcomes.
    """
    areas, chance = [], []
    for day in found.origins:
        actual = found.actuals[day]
        if 0 < actual.sum() < len(actual):
            areas.append(accuracy.auc(actual, found.predictions[name, day]))
            chance.append(auc_se(areas[-1], events=actual.sum(), others=(1 - actual).sum()))
    if not areas:
        raise DataError("no past origin with both outcomes", "one or more", "wait")
    within = float(np.sqrt(np.sum(np.square(chance)))) / len(areas)
    between = float(np.std(areas, ddof=1) / np.sqrt(len(areas))) if len(areas) > 1 else 0.0
    return float(np.mean(areas)), max(within, between)


def auc_se(area: float, *, events: float, others: float) -> float:
    """Return the standard error of an AUC (Hanley and McNeil 1982, formula 2).

    Examples
    --------
    >>> round(auc_se(0.5, events=112, others=2657), 3)
    0.028
    """
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    spread = (
        area * (1 - area) + (events - 1) * (first - area**2) + (others - 1) * (second - area**2)
    )
    return float(np.sqrt(max(spread, 0.0) / (events * others)))


def find_over_ceiling(found: Evaluation, names: Sequence[str], ceiling: float) -> list[Finding]:
    """Find candidates whose AUC lies over a ceiling by two standard errors."""
    rings = []
    for name in dict.fromkeys(names):
        area, se = measure_auc(found, name)
        if area > ceiling + 2 * se:
            text = f"AUC of {name} is {area:.3f} ± {se:.3f}, over {ceiling:.3f} by more than 2 SE"
            rings.append(Finding("ceiling", "", text))
    return rings
