"""Recurring targets as they can be worked on, and as units whose moves are told."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from features.deals.days import Floats
from lifecycle.errors import UsageError
from models.forecast.gap.field import AtRisk, Ground
from models.forecast.grid import FloatArray
from models.forecast.items import CONTRACT, EARNED, POOL, ForecastItems
from models.forecast.raw import ENDING_ARR, RENEWALS, REVENUE, RawForecast
from models.forecast.recurring.book import DAY_SHARE
from models.forecast.recurring.inputs import NOTICED, RecurringInputs
from models.forecast.recurring.simulate import simulate_recurring
from models.forecast.whatif import Change

Texts = npt.NDArray[np.str_]
TO_COME = "customers and expansion yet to come"
IN_ALREADY = "in already"
OF_RECURRING = frozenset({"churn", "volume"})
_DRAWN = {REVENUE: "revenue", ENDING_ARR: "ending", RENEWALS: "renewals"}
_CAUSE = {REVENUE: "time_passed", RENEWALS: "churn_renewal"}
"""Which part counts what is in already: days gone by, or terms that were renewed."""


DRAWS = 4_000
"""Enough for a difference: the same luck is drawn with and without a change."""


@dataclass(frozen=True)
class RecurringAgain:
    """One recurring target of a quarter, simulated again from kept inputs.

    Parameters
    ----------
    inputs
        Of an origin and a quarter.
    target
        revenue, ending_arr or renewals.
    seed
        The luck.
    count
        How many draws.
    """

    inputs: RecurringInputs
    target: str
    seed: int
    count: int = DRAWS
    _base: list[FloatArray] = field(default_factory=list, repr=False, compare=False)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names, ``total`` first."""
        return self.inputs.nodes

    def draws(self, change: Change | None = None) -> FloatArray:
        """Return the quarter by node and draw, (nodes, draws), minor units.

        Raises
        ------
        UsageError
            The change is one of deals or of pipeline, which these targets do not simulate.
        """
        if change is not None and change != Change():
            _check(change)
            return self._draw(change)
        if not self._base:
            self._base.append(self._draw(None))
        return self._base[0]

    def _draw(self, change: Change | None) -> FloatArray:
        drawn = simulate_recurring(self.inputs, draws=self.count, seed=self.seed, change=change)
        return np.asarray(getattr(drawn, _DRAWN[self.target]))


def recurring_ground(again: RecurringAgain) -> Ground:
    """Return what can be worked on: accounts that may yet leave, those under notice left out."""
    inputs, leaves = again.inputs, Leaves(again.inputs)
    value, _ = _values(inputs, again.target)
    names, first, at = np.unique(
        inputs.account_id.astype(str), return_index=True, return_inverse=True
    )
    noticed = np.zeros(len(names), dtype=bool)
    noticed[at[leaves.noticed]] = True
    chance, lost = np.zeros(len(names)), np.zeros(len(names))
    np.maximum.at(chance, at, leaves.chance)
    np.add.at(lost, at, value * leaves.missed(again.target))
    kept = np.flatnonzero(~noticed & (chance > 0) & (lost > 0))
    owners = _owners(inputs)
    accounts = AtRisk(
        tuple(names[kept].tolist()),
        tuple(owners[first[row]] for row in kept),
        chance[kept],
        lost[kept] / chance[kept],
    )
    days = inputs.end_day - inputs.first_day
    return Ground(again, None, accounts, max(days, 0) / 7, creates=False)


def recurring_items(
    inputs: RecurringInputs, raw: RawForecast, *, served_minor: float
) -> ForecastItems:
    """Return the units of one recurring target: a line each, what is in already, what may come.

    Parameters
    ----------
    inputs
        What was simulated.
    raw
        The forecast they belong to.
    served_minor
        The served mean at the total, minor units.
    """
    target, count = raw.target, len(inputs.level)
    value, states = _values(inputs, target)
    noticed = Leaves(inputs).noticed
    amount = np.concatenate([value, [_in_already(inputs, target), _flow(inputs, target)]])
    stays = [1 - Leaves(inputs, shock).missed(target) for shock in (0.0, inputs.shock)]
    shares = [np.concatenate([one, [1.0, 1.0]]) for one in stays]
    told = np.where(noticed, "noticed", states).tolist()
    return ForecastItems(
        target=target,
        period=str(raw.quarter),
        origin=raw.origin,
        model_version=raw.model_version,
        served_minor=served_minor,
        units=(*inputs.line_id.tolist(), IN_ALREADY, TO_COME),
        kinds=(CONTRACT,) * count + (EARNED, POOL),
        states=(*told, _CAUSE.get(target, "time_passed"), ""),
        stages=(*(f"{level:.0f}" for level in inputs.level), "", ""),
        due=np.ones(count + 2, dtype=bool),
        amount_minor=amount,
        base_chance=shares[0],
        expected_minor=amount * shares[1],
    )


class Leaves:
    """P(leaves in the quarter) of each line, and what of its value is then missed.

    Parameters
    ----------
    inputs
        Of an origin and a quarter.
    shock
        Log multiplier of leaving; without, the inputs' mean.

    Attributes
    ----------
    chance
        (lines,) P(leaves in the quarter), 0-1.
    noticed
        (lines,) whether a notice was given.
    """

    def __init__(self, inputs: RecurringInputs, shock: float | None = None) -> None:
        self._in, lines = inputs, np.arange(len(inputs.level))
        sure = inputs.exit_kind == NOTICED
        felt = np.where(sure, 0.0, inputs.shock if shock is None else shock)
        hit = 1.0 / (1.0 + np.exp(-(inputs.exit_odds + felt)))
        stays = np.log1p(-np.minimum(hit, 1 - 1e-12))
        total = np.cumsum(stays) - stays
        first = np.searchsorted(inputs.exit_line, inputs.exit_line)
        reached = np.exp(total - total[first]) if len(hit) else np.zeros(0)
        length = inputs.exit_last - inputs.exit_first + 1
        days = np.clip(inputs.end_day - inputs.exit_first, 0, length)
        self._by_exit = reached * hit * days / length
        self._days, self._middle = days, inputs.exit_first + (days - 1) / 2
        self.chance = np.bincount(inputs.exit_line, weights=self._by_exit, minlength=len(lines))
        self.noticed = np.isin(lines, inputs.exit_line[sure])

    def missed(self, target: str) -> Floats:
        """Return the share of each line's value that is expected to be missed, (lines,)."""
        inputs = self._in
        share = np.ones(len(self._by_exit))
        if target == REVENUE:
            rest = max(inputs.end_day - inputs.first_day, 1)
            share = np.clip((inputs.end_day - self._middle) / rest, 0, 1)
        if target == RENEWALS:
            due = np.full(len(inputs.level), -1)
            counts = inputs.due_value > 0
            np.maximum.at(due, inputs.due_line[counts], inputs.due_day[counts])
            before = due[inputs.exit_line] - inputs.exit_first + 1
            share = np.clip(before, 0, self._days) / np.maximum(self._days, 1)
        weights = self._by_exit * share
        found = np.bincount(inputs.exit_line, weights=weights, minlength=len(inputs.level))
        return np.asarray(found, dtype=np.float64)


def _check(change: Change) -> None:
    """Refuse what these targets do not simulate: their new business is no list of deals."""
    shocks = [f"a shock on {name}" for name in sorted(set(change.shocks) - OF_RECURRING)]
    of_deals = bool(change.units or change.stage_log_odds or change.extra_pipeline_minor)
    found = ["a change of deals or pipeline"] * of_deals + shocks
    if found:
        expected = "accounts, hiring, contraction, or a shock on churn or volume"
        raise UsageError(" and ".join(found), expected, "ask for the bookings")


def _values(inputs: RecurringInputs, target: str) -> tuple[Floats, Texts]:
    """Return what each line brings to a target if it stays, and how it stands, (lines,)."""
    lines = len(inputs.level)
    due = np.zeros(lines)
    np.add.at(due, inputs.due_line, inputs.due_value)
    if target == RENEWALS:
        return due, np.where(due > 0, "due", "live")
    step = inputs.due_base * (inputs.ratios.mean(axis=1)[inputs.due_group] - 1)
    days = np.clip(inputs.end_day - np.maximum(inputs.due_day, inputs.first_day), 0, None)
    if target == REVENUE:
        more = np.bincount(inputs.due_line, weights=step * days * DAY_SHARE, minlength=lines)
        return inputs.to_come() + more, np.full(lines, "live")
    more = np.bincount(inputs.due_line, weights=step * (days > 0), minlength=lines)
    return 12 * (inputs.ending() + more), np.full(lines, "live")


def _in_already(inputs: RecurringInputs, target: str) -> float:
    known = {REVENUE: inputs.revenue_to_date, RENEWALS: inputs.renewed_to_date}
    return float(known[target][0]) if target in known else 0.0


def _flow(inputs: RecurringInputs, target: str) -> float:
    """Return what moves drawn from past quarters are expected to bring, minor units."""
    days = np.clip(inputs.end_day - np.maximum(inputs.flow_day, inputs.first_day), 0, None)
    per_move = {REVENUE: days * DAY_SHARE, ENDING_ARR: 12.0 * (inputs.flow_day < inputs.end_day)}
    if target not in per_move:
        return 0.0
    return float((inputs.flow_weight * inputs.flow_mrr * per_move[target]).sum())


def _owners(inputs: RecurringInputs) -> list[str]:
    """Return the owner of each line, empty where nobody is known."""
    for column in inputs.places.T:
        names = [inputs.nodes[place] for place in column]
        if names and all(name.startswith("owner=") for name in names):
            return ["" if name == "owner=unassigned" else name[6:] for name in names]
    return [""] * len(inputs.level)
