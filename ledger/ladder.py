"""What each leg adds to a plainer one: pairwise, on the origins where both spoke and on no other.

Weeks of one quarter share one outcome, so what is counted is quarters won; the ratio of WAPEs is
below 1 where the leg was nearer. When what was served did not beat a plain rule, the verdict says
to use the simple one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, Select, and_, func, select

from ledger.engine import Ledger
from ledger.vintages import SERVED, Wanted, judged_vintages
from lifecycle.errors import UsageError

LADDER = (
    "last_quarter",
    "seasonal_naive",
    "auto_ets",
    "auto_theta",
    "auto_arima",
    "pacing",
    "conversion",
    "crm_weighted",
    "commit",
    "simulation",
    "combined",
    SERVED,
)
"""Legs from the plainest to what is served."""

OURS = ("simulation", "combined", SERVED)
FEWEST_QUARTERS = 4


@dataclass(frozen=True)
class QuarterDuel:
    """Absolute errors of a leg and its rival, summed over a quarter's n common origins."""

    period: str
    n: int
    error_minor: float
    rival_error_minor: float


@dataclass(frozen=True)
class Duel:
    """A leg against a plainer one.

    Attributes
    ----------
    n
        Origins at which both spoke.
    won, lost, tied
        Quarters in which the leg was nearer, farther, and equal; their sum is the sample size.
    wape, rival_wape
        Of both over the n; ``None`` where nothing happened in all of them.
    wape_ratio
        Below 1: the leg was nearer. ``None`` where the rival made no error.
    quarters
        The paired sums behind it, quarter by quarter.
    """

    leg: str
    rival: str
    n: int
    won: int
    lost: int
    tied: int
    wape: float | None
    rival_wape: float | None
    wape_ratio: float | None
    quarters: tuple[QuarterDuel, ...]


@dataclass(frozen=True)
class Ladder:
    """Every leg against every plainer one, and whether what is served earns its place.

    Attributes
    ----------
    simple
        The plain rule that should have been used instead; ``None`` if none was as near.
    verdict
        That in one sentence.
    """

    duels: tuple[Duel, ...]
    simple: str | None
    verdict: str


def read_ladder(ledger: Ledger, wanted: Wanted, *, week: int | None = None) -> Ladder:
    """Compare each leg with each plainer one at a node.

    Parameters
    ----------
    wanted
        Target, source and one node; its leg is not looked at.
    week
        Only origins of this week; by default all weeks from 0 on.

    Raises
    ------
    UsageError
        The target is unknown, or no single node is asked for.
    """
    if wanted.node is None or wanted.leg is not None:
        raise UsageError("a ladder of several nodes or of one leg", "one node, all legs", "name it")
    found: defaultdict[tuple[str, str], list[RowMapping]] = defaultdict(list)
    with ledger.reading() as connection:
        for row in connection.execute(_pairs(wanted, week)).mappings():
            if rung(row["rival"]) < rung(row["leg"]):
                found[row["leg"], row["rival"]].append(row)
    order = sorted(found, key=lambda pair: (rung(pair[0]), rung(pair[1])))
    duels = tuple(_duel(pair, found[pair]) for pair in order)
    simple, verdict = _judge([one for one in duels if one.leg == SERVED])
    return Ladder(duels, simple, verdict)


def rung(leg: str) -> tuple[int, str]:
    """Return the place of a leg on the ladder; legs that it does not name stand below ours."""
    place = LADDER.index(leg) if leg in LADDER else LADDER.index(OURS[0]) - 1
    return place, leg


def _pairs(wanted: Wanted, week: int | None) -> Select[Any]:
    ours = judged_vintages(wanted)
    theirs = ours.alias("theirs")
    same = [ours.c[name] == theirs.c[name] for name in ("period", "origin")]
    weeks = ours.c.week >= 0 if week is None else ours.c.week == week
    sums = {
        "error": func.abs(ours.c.error_minor),
        "rival_error": func.abs(theirs.c.error_minor),
        "size": func.abs(ours.c.actual_minor),
    }
    keys = (ours.c.leg, theirs.c.leg, ours.c.period)
    return (
        select(ours.c.leg, theirs.c.leg.label("rival"), ours.c.period, func.count().label("n"))
        .add_columns(*[func.sum(value).label(name) for name, value in sums.items()])
        .join(theirs, and_(*same))
        .where(ours.c.leg != theirs.c.leg, weeks)
        .group_by(*keys)
        .order_by(ours.c.period)
    )


def _duel(pair: tuple[str, str], rows: Sequence[RowMapping]) -> Duel:
    quarters = tuple(
        QuarterDuel(row["period"], row["n"], row["error"], row["rival_error"]) for row in rows
    )
    gaps = [one.error_minor - one.rival_error_minor for one in quarters]
    error, other, size = (
        sum(row[name] for row in rows) for name in ("error", "rival_error", "size")
    )
    return Duel(
        leg=pair[0],
        rival=pair[1],
        n=sum(one.n for one in quarters),
        won=sum(gap < 0 for gap in gaps),
        lost=sum(gap > 0 for gap in gaps),
        tied=sum(gap == 0 for gap in gaps),
        wape=error / size if size else None,
        rival_wape=other / size if size else None,
        wape_ratio=error / other if other else None,
        quarters=quarters,
    )


def _judge(duels: Sequence[Duel]) -> tuple[str | None, str]:
    """Return the rule that should be used instead of what was served, if any, and why."""
    plain = [one for one in duels if one.rival not in OURS and one.wape is not None]
    told = [one for one in plain if len(one.quarters) >= FEWEST_QUARTERS]
    if not told:
        seen = max((len(one.quarters) for one in plain), default=0)
        return None, f"not yet judged against a plain rule ({seen} quarters)"
    nearest = max(told, key=_gain)
    if _gain(nearest) < 0:
        return None, f"what was served beat every plain rule; the nearest is {_words(nearest)}"
    if nearest.tied == len(nearest.quarters):
        return nearest.rival, f"the simple one is served: {_words(nearest)}"
    if 2 * nearest.lost <= len(nearest.quarters) - nearest.tied:
        # one quarter's miss can decide a pooled error: the same rule as where a leg is chosen
        return None, f"too early to tell, it was nearer in few quarters: {_words(nearest)}"
    return nearest.rival, f"use the simple one: {_words(nearest)}"


def _gain(duel: Duel) -> float:
    """Return what the rival's WAPE would have spared; negative if it was the farther one."""
    return (duel.wape or 0.0) - (duel.rival_wape or 0.0)


def _words(duel: Duel) -> str:
    return (
        f"{duel.rival}, WAPE {duel.rival_wape:.3f} against {duel.wape:.3f} of what was served "
        f"({len(duel.quarters)} quarters, {duel.won} won, {duel.n} origins)"
    )
