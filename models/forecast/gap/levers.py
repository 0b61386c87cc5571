"""Levers: what could still be done for a quarter, each as a change that can be simulated.

How hard a lever is, is counted in units that somebody has to work on: deals or accounts. That is a
declared measure, not a learned one; no lever's effect on the people who pull it is known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.forecast.gap.field import (
    AtRisk,
    Ground,
    OpenDeals,
    logit,
    median_of,
    owners_of,
    shift_to_raise,
)
from models.forecast.whatif import Change

POINT = 0.01
LEAST_DEALS = 5
"""Open deals of a stage below which its win rate is no lever."""

TIERS = ((0, 5), (5, 10), (10, 20))
"""Accounts and deals are taken in order of what they would bring: the first five, the next, …"""

LEAST_YIELD = 0.05
"""Share of created pipeline won in the quarter below which new pipeline feeds the next one."""

PROBE_SHARE = 0.1
"""Pipeline created to measure its yield, as a share of the median forecast."""

NO_PIPELINE = "new pipeline cannot close this gap; it feeds next quarter"

WIN_RATE, RECOVER, PULL_IN, SAVE, CREATE = "win_rate", "recover", "pull_in", "save", "create"
_EASE = ((6.0, "high"), (3.0, "medium"), (0.0, "low"))
"""Weeks left from which a lever can be pulled so well."""


@dataclass(frozen=True)
class Lever:
    """One thing that could be done.

    Parameters
    ----------
    name, kind
        ``kind:what``, and one of win_rate, recover, pull_in, save, create.
    title
        What is done, in words.
    change
        What is supposed in the simulation.
    effort
        Deals or accounts that somebody has to work on.
    feasibility
        ``high``, ``medium``, ``low`` or ``none``.
    why
        What the feasibility rests on.
    units, owners
        Ids of the deals or accounts, and whose they are.
    """

    name: str
    kind: str
    title: str
    change: Change
    effort: int
    feasibility: str
    why: str
    units: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True)
class PipelineYield:
    """What pipeline created on the origin brings: the share of it that is won in the quarter."""

    share: float
    typical_minor: float

    @property
    def helps(self) -> bool:
        """Whether new pipeline can still move this quarter."""
        return self.share >= LEAST_YIELD


def find_levers(ground: Ground) -> list[Lever]:
    """Return the levers of a quarter but for new pipeline, which needs a gap to be sized."""
    found: list[Lever] = []
    if ground.deals is not None and len(ground.deals.deal):
        found += [
            *_win_rates(ground.deals, ground.weeks_left),
            *_recoveries(ground.deals, ground.weeks_left),
            *_pull_ins(ground.deals, ground.weeks_left),
        ]
    if ground.accounts is not None and len(ground.accounts.account):
        found += _saves(ground.accounts, ground.weeks_left)
    return found


def measure_yield(ground: Ground) -> PipelineYield | None:
    """Return what new pipeline would bring, by creating some; ``None`` where none can count."""
    if not ground.creates:
        return None
    base = ground.simulator.draws()[0]
    amounts = ground.deals.amount_minor if ground.deals is not None else np.zeros(0)
    typical = median_of(amounts) if len(amounts) else 0.0
    probe = max(PROBE_SHARE * median_of(base), typical, 1.0)
    more = ground.simulator.draws(Change(extra_pipeline_minor=probe))[0]
    return PipelineYield(max(float((more - base).mean()) / probe, 0.0), typical)


def create_lever(found: PipelineYield, gap_minor: float) -> Lever | None:
    """Return the lever of creating what closes a gap; ``None`` where it can no longer help."""
    if not found.helps or gap_minor <= 0:
        return None
    needed = gap_minor / found.share
    deals = max(round(needed / found.typical_minor), 1) if found.typical_minor > 0 else 1
    return Lever(
        CREATE,
        CREATE,
        "create the pipeline that closes the gap",
        Change(extra_pipeline_minor=needed),
        deals,
        "medium" if found.share >= 2 * LEAST_YIELD else "low",
        f"of pipeline created now, {found.share:.0%} is won in the quarter",
    )


def _win_rates(deals: OpenDeals, weeks: float) -> Iterator[Lever]:
    stages = np.array(deals.stage, dtype=object)
    for stage in dict.fromkeys(name for name in deals.stage if name):
        rows = np.flatnonzero(stages == stage)
        if len(rows) < LEAST_DEALS:
            continue
        shift = shift_to_raise(deals.chance[rows], POINT)
        yield Lever(
            f"{WIN_RATE}:{stage}",
            WIN_RATE,
            f"win one point more of the {len(rows)} deals in {stage}",
            Change(stage_log_odds={stage: shift}),
            len(rows),
            _ease(weeks),
            f"{len(rows)} deals, {weeks:.0f} weeks left",
            owners=tuple(owners_of(deals.owner, rows.tolist())),
        )


def _recoveries(deals: OpenDeals, weeks: float) -> Iterator[Lever]:
    """Slipped deals, brought back to the chance of deals of their stage that are due."""
    usual = _usual_chance(deals)
    gain = np.where(deals.slipped, usual - deals.chance, 0.0) * deals.amount_minor
    shift = logit(usual) - logit(deals.chance)
    yield from _by_tier(deals, gain, shift, weeks=weeks, words=(RECOVER, "recover", "slipped deal"))


def _pull_ins(deals: OpenDeals, weeks: float) -> Iterator[Lever]:
    """Deals likely won soon after the quarter, closed within it instead; slipped ones are apart."""
    later = ~deals.due & ~deals.slipped
    gain = np.where(later, deals.next_chance, 0.0) * deals.amount_minor
    shift = logit(deals.chance + deals.next_chance) - logit(deals.chance)
    yield from _by_tier(deals, gain, shift, weeks=weeks, words=(PULL_IN, "pull in", "deal"))


def _by_tier(
    deals: OpenDeals,
    gain: np.ndarray,
    shift: np.ndarray,
    *,
    weeks: float,
    words: tuple[str, str, str],
) -> Iterator[Lever]:
    kind, verb, unit = words
    for first, rows in _tiers(gain):
        ids = tuple(deals.deal[row] for row in rows)
        yield Lever(
            f"{kind}:{first + 1}-{first + len(rows)}",
            kind,
            f"{verb} {_how_many(first, len(rows), unit)}",
            Change(unit_log_odds={deals.deal[row]: float(shift[row]) for row in rows}),
            len(rows),
            _ease(weeks),
            f"{len(rows)} deals, {weeks:.0f} weeks left",
            ids,
            tuple(owners_of(deals.owner, rows)),
        )


def _saves(accounts: AtRisk, weeks: float) -> Iterator[Lever]:
    for first, rows in _tiers(accounts.chance * accounts.loss_minor):
        ids = tuple(accounts.account[row] for row in rows)
        yield Lever(
            f"{SAVE}:{first + 1}-{first + len(rows)}",
            SAVE,
            f"keep {_how_many(first, len(rows), 'account')} with the most at stake",
            Change(saved=frozenset(ids)),
            len(rows),
            _ease(weeks),
            f"{len(rows)} accounts, not under notice; what it brings if all of them stay",
            ids,
            tuple(owners_of(accounts.owner, rows)),
        )


def _tiers(gain: np.ndarray) -> Iterator[tuple[int, list[int]]]:
    """Yield the place of the first and the rows of each tier, the largest gains first."""
    order = [row for row in np.argsort(-gain, kind="stable").tolist() if gain[row] > 0]
    for first, last in TIERS:
        if order[first:last]:
            yield first, order[first:last]


def _usual_chance(deals: OpenDeals) -> np.ndarray:
    """Return the mean chance of due deals of each deal's stage; its own where there is none."""
    stages = np.array(deals.stage, dtype=object)
    usual = deals.chance.copy()
    for stage in dict.fromkeys(deals.stage):
        here = stages == stage
        if (here & deals.due).any():
            usual[here] = np.maximum(deals.chance[here], deals.chance[here & deals.due].mean())
    return usual


def _how_many(first: int, count: int, unit: str) -> str:
    which = "the" if first == 0 else "the next"
    return f"{which} {count} {unit}s" if count > 1 else f"{which} {unit}"


def _ease(weeks: float) -> str:
    return next(word for least, word in _EASE if weeks >= least or least == 0)
