"""The leak alarm of deals: signs that the record was written over after deals were closed.

Beside the house's rules (`training.alarm`: clock, overwritten, lone field, ceiling) a finding rings
when

* **told close**: deals won show, weeks before, the very day on which they were to be won as their
  close date: somebody set the close date to the won date and the record lost what stood there;
* **rewritten**: what a change says stood there before did not stand there: the versions of the
  deal carry the last value (a final amount, a final close date) back to the beginning.

A loss reason and other fields of the close are told by the overwritten rule when they were dated
back; as known at the close they never meet an open deal.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.deals.facts import DealFacts
from features.deals.visible import places_in
from lifecycle.snapshot import Snapshot
from models.base import Examples, FloatArray
from training.alarm import EARLY_SHARE, Finding, find_overwritten
from training.deals.past import read_days

FAR_DAYS = 28.0
TOLD_SHARE, FEWEST_WON = 0.40, 40
REWRITTEN_SHARE, FEWEST_CHANGES = 0.10, 40
SIDES = {"amount": "amount_before_minor", "close_on": "close_before_on"}


def find_deal_leaks(known: Snapshot, facts: DealFacts, examples: Examples) -> list[Finding]:
    """Find what only the record itself shows, before any model is asked.

    Parameters
    ----------
    known
        What training knew.
    facts
        The same, of deals.
    examples
        All landmarks with their outcomes.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    return [
        *find_early(facts),
        *find_told_close(examples),
        *find_rewritten(known, facts),
        *find_overwritten(_as_gone(examples)),
    ]


def find_early(facts: DealFacts) -> list[Finding]:
    """Find edits and contacts that were on record over a day before they happened."""
    told = {name: stream.happened - stream.known for name, stream in facts.fields.items()}
    contacts = facts.activities
    told["activities"] = contacts.happened - contacts.seen.astype(np.float64)
    found = []
    for name, ahead in told.items():
        share = float(np.mean(ahead > 1.0)) if len(ahead) else 0.0
        if share > EARLY_SHARE:
            text = f"{share:.1%} of {name} were on record over a day before they happened"
            found.append(Finding("clock", name, text))
    return found


def find_told_close(examples: Examples) -> list[Finding]:
    """Find close dates that know the day of the win: honest ones hit it now and then.

    Of deals won, the last landmark at least ``FAR_DAYS`` before the win is read.
    """
    after = examples.outcomes
    if after is None:
        return []
    closed, won = _floats(after, "closed_days"), _floats(after, "won") == 1.0
    far = np.flatnonzero(won & (closed >= FAR_DAYS))
    rows = _last_of_each(examples.frame, far[np.argsort(-closed[far], kind="stable")])
    if len(rows) < FEWEST_WON:
        return []
    shown = read_days(examples.frame, "close_on")[rows]
    told = shown == read_days(examples.frame, "as_of")[rows] + closed[rows]
    share = float(told.mean())
    if share <= TOLD_SHARE:
        return []
    text = f"{share:.0%} of won deals showed the day of the win {FAR_DAYS:.0f} days and more before"
    return [Finding("told_close", "close_on", text)]


def _last_of_each(frame: pa.Table, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    deals = np.array(frame.column("opportunity_id").take(pa.array(rows)).to_pylist(), dtype=str)
    _, last = np.unique(deals[::-1], return_index=True)
    return rows[::-1][last]


def find_rewritten(known: Snapshot, facts: DealFacts) -> list[Finding]:
    """Find fields whose versions contradict what changes say stood there before.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    found = []
    for field, column in SIDES.items():
        said, stood = _compare(known, facts, field=field, column=column)
        both = np.isfinite(said) & np.isfinite(stood)
        share = float(np.mean(said[both] != stood[both])) if both.any() else 0.0
        if both.sum() >= FEWEST_CHANGES and share > REWRITTEN_SHARE:
            text = f"{share:.0%} of changes of {field} tell another value before than the versions"
            found.append(Finding("rewritten", field, text))
    return found


def _compare(
    known: Snapshot, facts: DealFacts, *, field: str, column: str
) -> tuple[FloatArray, FloatArray]:
    """Return what the first change of each deal and day says of before, and what stood there."""
    table = known.table("opportunity_changes")
    rows = known.collect(
        table.filter(table.field == field)
        .select("opportunity_id", "known_at", "changed_at", value=table[column])
        .order_by("opportunity_id", "known_at", "changed_at")
    )
    deal = places_in(rows["opportunity_id"], facts.ids)
    day = np.asarray(pc.cast(rows["known_at"], pa.timestamp("us")).to_numpy())
    number = day.astype("datetime64[D]").astype(np.int64)
    # two moves within a day: what stood between them was on record on no landmark
    first = np.append(True, (np.diff(deal) != 0) | (np.diff(number) != 0))[: len(deal)]
    deal, number = deal[first], number[first]
    value = rows["value"].filter(pa.array(first))
    said = value.cast(pa.int32()) if pa.types.is_date(value.type) else value
    stream = facts.fields[field]
    stood = stream.at(facts.stories(deal, number), number)
    return np.asarray(said.cast(pa.float64()).to_numpy(), dtype=np.float64), stood


def _as_gone(examples: Examples) -> Examples:
    """Return closed deals as first met in the earlier half, in the words of `find_overwritten`.

    Won is gone. All stand on one day there: few deals are open on any one.
    """
    after = examples.outcomes
    if after is None:
        return examples
    days = np.unique(examples.as_of)
    early = examples.as_of <= days[len(days) // 2]
    rows = np.flatnonzero(early & np.isfinite(_floats(after, "won")))
    rows = _last_of_each(examples.frame, rows[np.argsort(examples.as_of[rows])[::-1]])
    part, won = examples.take(rows), _floats(after, "won")[rows] == 1.0
    decided = pa.table({"decided_days": np.where(won, 0.0, np.nan)})
    one_day = np.full(len(rows), days[0])
    return Examples(part.frame, part.label, one_day, part.horizon_days, decided)


def _floats(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
