"""Sums by node and draw while a quarter takes its course: leaving, renewing, what comes on top."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from features.deals.days import Floats, Ints
from models.forecast.recurring.book import DAY_SHARE
from models.forecast.recurring.draws import TARGETS, RecurringDraws, Wins
from models.forecast.recurring.facts import Flags
from models.forecast.recurring.inputs import NOTICED, SUDDEN, RecurringInputs
from models.forecast.whatif import Change

SmallFloats = npt.NDArray[np.float32]
Trees = list[tuple[Ints, Ints]]
"""By dimension: the nodes in which a chunk's lines lie, and the place of each line among them."""

STRATA = 64
MOST_TERMS = 12
FEW_PLACES = 12
SURELY = 50.0
"""Log-odds of what is certain."""


def strata_of(draws: int) -> Ints:
    """Return each draw's stratum of the shock, (draws,)."""
    return np.arange(draws) * STRATA // draws


def contracted(ratios: Floats, factor: float) -> Floats:
    """Return sorted ratios of renewals, so many times as many of them for less.

    Examples
    --------
    >>> contracted(np.array([0.5, 1.0, 1.0, 1.0]), 2.0).tolist()
    [0.5, 0.5, 1.0, 1.0]
    """
    less = float((ratios < 1).mean())
    if factor == 1.0 or less == 0.0:
        return ratios
    more = min(less * factor, 1.0)
    at = (np.arange(len(ratios)) + 0.5) / len(ratios)
    place = np.interp(at, [0.0, more, 1.0], [0.0, less, 1.0])
    return np.asarray(ratios[(place * len(ratios)).astype(np.int64).clip(0, len(ratios) - 1)])


class Course:
    """Sums by node and draw while the parts come in.

    Parameters
    ----------
    inputs
        Of an origin and a quarter.
    draws
        How many.
    change
        A lever.
    """

    def __init__(self, inputs: RecurringInputs, draws: int, change: Change) -> None:
        self._in, self._draws, self._change = inputs, draws, change
        self._stratum = strata_of(draws)
        shape = (len(inputs.nodes), draws)
        self._totals = [np.zeros(shape) for _ in TARGETS]
        self._parts: dict[str, dict[str, Floats]] = {}
        self._net, self._kept = np.zeros(draws), np.zeros(draws)
        self._first = np.searchsorted(inputs.exit_line, np.arange(len(inputs.level) + 1))
        self._from, self._to = self._chances()
        self._ratios = np.array(
            [contracted(one, change.contraction) - 1.0 for one in inputs.ratios], np.float32
        ).reshape(inputs.ratios.shape)
        self._share = inputs.ending()
        self._rest = inputs.to_come()
        self._lost = np.zeros((len(TARGETS), len(self._share)))
        size = len(inputs.level)
        self._due = np.bincount(inputs.due_line, inputs.due_value, size).astype(np.float64)
        self._base()

    def _chances(self) -> tuple[SmallFloats, SmallFloats]:
        """Return where on [0, 1) each way to leave begins and ends, by stratum, (exits, 64)."""
        inputs, change = self._in, self._change
        middle = [NormalDist().inv_cdf((n + 0.5) / STRATA) for n in range(STRATA)]
        shock = inputs.shock + inputs.shock_sd * np.array(middle)
        if "churn" in change.shocks:
            shock = np.full(STRATA, change.shocks["churn"])
        odds = inputs.exit_odds.copy()
        saved, lost = (
            np.isin(inputs.account_id, list(names))[inputs.exit_line]
            for names in (change.saved, change.leaving)
        )
        # who leaves for sure waits for the end of the term, where one is near
        waits = (inputs.exit_kind == SUDDEN) & (np.diff(self._first)[inputs.exit_line] > 1)
        odds[saved | (lost & waits)], odds[lost & ~waits] = -SURELY, SURELY
        # what was announced does not depend on the mood of the months to come
        sure = (inputs.exit_kind == NOTICED) | saved | lost
        chance = 1.0 / (1.0 + np.exp(-(odds[:, None] + np.where(sure[:, None], 0.0, shock))))
        left = np.log1p(-np.minimum(chance, 1 - 1e-12))
        total = np.cumsum(left, axis=0)
        first = np.searchsorted(inputs.exit_line, inputs.exit_line)
        before = total[first] - left[first]
        to = -np.expm1(total - before)
        return (-np.expm1(total - left - before)).astype(np.float32), to.astype(np.float32)

    def _base(self) -> None:
        inputs = self._in
        agreed = (self._rest, self._share * 12.0, self._due)
        self._agreed = [self._by_node(values) for values in agreed]
        self._agreed[0] += inputs.revenue_to_date
        self._agreed[2] += inputs.renewed_to_date
        for total, values in zip(self._totals, self._agreed, strict=True):
            total += values[:, None]
        is_old = inputs.start_share > 0
        self._net += self._share[is_old].sum()
        self._kept += np.minimum(inputs.start_share, self._share).sum()

    def add_lines(self, rows: slice, rng: np.random.Generator) -> None:
        """Let the lines of a chunk leave, or renew for more or less."""
        _, account = np.unique(self._in.account_id[rows], return_inverse=True)
        luck = rng.random((int(account.max(initial=-1)) + 1, self._draws), dtype=np.float32)
        luck = luck[account] if len(luck) < len(account) else luck
        columns = (np.zeros(len(account), np.int64), *self._in.places[rows].T)
        trees = [np.unique(column, return_inverse=True) for column in columns]
        alive = self._leave(rows, luck, trees)
        self._renew(rows, rng, trees, alive=alive)

    def _leave(self, rows: slice, luck: SmallFloats, trees: Trees) -> Flags:
        """Take out what leavers no longer bring; return who is left, by draw."""
        inputs, first = self._in, self._first
        alive = np.ones(luck.shape, bool)
        last = first[rows.start + 1 : rows.stop + 1] - 1
        some = last >= first[rows.start : rows.stop]
        most = np.zeros(len(luck), np.float32)
        most[some] = self._to[last[some]].max(axis=1)
        place = np.flatnonzero(luck < most[:, None])
        line, draw = place // self._draws, place % self._draws
        stratum, chance = self._stratum[draw], luck.ravel()[place]
        widest = int(np.diff(first[rows.start : rows.stop + 1]).max(initial=0))
        for nth in range(widest):
            exit_row = first[rows.start + line] + nth
            ours = exit_row < first[rows.start + line + 1]
            exit_row = np.where(ours, exit_row, 0)
            low, high = self._from[exit_row, stratum], self._to[exit_row, stratum]
            hit = np.flatnonzero(ours & (chance >= low) & (chance < high))
            row = exit_row[hit]
            share = (chance[hit] - low[hit]) / (high[hit] - low[hit])
            length = inputs.exit_last[row] - inputs.exit_first[row] + 1
            day = inputs.exit_first[row] + np.minimum((share * length).astype(np.int64), length - 1)
            hit, day = hit[day < inputs.end_day], day[day < inputs.end_day]
            alive.ravel()[place[hit]] = False
            self._take(rows, (line[hit], draw[hit], day), trees)
        return alive

    def _take(self, rows: slice, left: tuple[Ints, Ints, Ints], trees: Trees) -> None:
        """Take out what lines (rows of the chunk) bring no more, by draw and from days on."""
        one, draw, day = left
        line, draws = one + rows.start, self._draws
        old = self._in.start_share[line] > 0
        self._net -= np.bincount(draw[old], self._share[line[old]], draws)
        kept = np.minimum(self._in.start_share, self._share)
        self._kept -= np.bincount(draw, kept[line], draws)
        lost = (self._earned_after(line, day), 12.0 * self._share[line], self._due_after(line, day))
        for place, values in enumerate(lost):
            self._lost[place] += np.bincount(line, values, len(self._share))
        for names, at in trees:
            # one by one: whole rows of sums would cost draws times chunks, and both grow with draws
            key = names[at[one]] * draws + draw
            for total, values in zip(self._totals, lost, strict=True):
                np.subtract.at(total.reshape(-1), key, values)

    def _earned_after(self, line: Ints, day: Ints) -> Floats:
        """Return what lines would still earn from days on, (n,)."""
        inputs, since = self._in, np.maximum(day, self._in.first_day)
        found = inputs.level[line] * (inputs.end_day - since)
        first = np.searchsorted(inputs.step_line, np.arange(len(inputs.level) + 1))
        for nth in range(min(int(np.diff(first).max(initial=0)), MOST_TERMS)):
            row = first[line] + nth
            ours = row < first[line + 1]
            row = np.where(ours, row, 0)
            days = inputs.end_day - np.maximum(inputs.step_day[row], since)
            found += np.where(ours, inputs.step_delta[row] * np.maximum(days, 0), 0.0)
        return np.asarray(found * DAY_SHARE)

    def _due_after(self, line: Ints, day: Ints) -> Floats:
        """Return the value of terms that end on days or later and thus will not be renewed."""
        inputs, found = self._in, np.zeros(len(line))
        first = np.searchsorted(inputs.due_line, np.arange(len(inputs.level) + 1))
        for nth in range(min(int(np.diff(first).max(initial=0)), MOST_TERMS)):
            row = first[line] + nth
            ours = row < first[line + 1]
            row = np.where(ours, row, 0)
            found += np.where(ours & (inputs.due_day[row] >= day), inputs.due_value[row], 0.0)
        return found

    def _renew(self, rows: slice, rng: np.random.Generator, trees: Trees, *, alive: Flags) -> None:
        """Let renewals change size; whoever leaves in the quarter changes nothing."""
        inputs = self._in
        due = np.arange(*np.searchsorted(inputs.due_line, (rows.start, rows.stop)))
        due = due[inputs.due_day[due] < inputs.end_day]
        luck = rng.random((len(due), self._draws), dtype=np.float32)
        width = int(self._ratios.size / max(len(self._ratios), 1))
        place = (luck * width).astype(np.int32) + (inputs.due_group[due] * width)[:, None]
        line = inputs.due_line[due]
        step = self._ratios.ravel()[place]
        step *= inputs.due_base[due].astype(np.float32)[:, None]
        step *= alive[line - rows.start]
        end, start = self._share[line, None], inputs.start_share[line, None]
        kept = np.minimum(start.astype(np.float32), end.astype(np.float32) + step)
        self._kept += kept.sum(axis=0, dtype=np.float64) - np.minimum(start, end).sum()
        days = inputs.end_day - np.maximum(inputs.due_day[due], inputs.first_day)
        self._net += (inputs.start_share[line] > 0).astype(np.float32) @ step
        earned = step * (days * DAY_SHARE).astype(np.float32)[:, None]
        step *= np.float32(12.0)
        for names, at in trees:
            for total, values in zip(self._totals, (earned, step), strict=False):
                _add_rows(total, names[at[line - rows.start]], values)

    def add_wins(self, parts: Iterable[tuple[slice, Wins]]) -> None:
        """Add what comes on top, by part of the draws; wins number the draws within their part."""
        before = [total.mean(axis=1) for total in self._totals]
        for into, wins in parts:
            self._add(wins, into)
        self._note(before)

    def _add(self, wins: Wins, into: slice) -> None:
        inputs = self._in
        inside = wins.day < inputs.end_day
        draw, mrr, places = wins.draw[inside], wins.mrr[inside], wins.places[inside]
        days = inputs.end_day - np.maximum(wins.day[inside], inputs.first_day)
        numbers = np.arange(self._draws)[into]
        count, at = len(numbers), numbers[draw]
        for total, values in zip(self._totals, (mrr * days * DAY_SHARE, mrr * 12.0), strict=False):
            for column in (np.zeros(len(at), np.int64), *places.T):
                np.add.at(total.reshape(-1), column * self._draws + at, values)
        old = ~wins.is_new[inside]
        self._net[into] += np.bincount(draw[old], mrr[old], count)
        self._kept[into] += np.bincount(draw[old], np.minimum(mrr[old], 0.0), count)

    def _note(self, before: list[Floats]) -> None:
        """Note what the means are made of, beside what is agreed."""
        for place, name in enumerate(TARGETS):
            left = -self._by_node(self._lost[place]) / self._draws
            agreed = self._agreed[place]
            self._parts[name] = {
                "leaving": left,
                "renewing": before[place] - agreed - left,
                "new": self._totals[place].mean(axis=1) - before[place],
            }

    def _by_node(self, values: Floats) -> Floats:
        count = len(self._in.nodes)
        sums = [np.bincount(column, values, minlength=count) for column in self._in.places.T]
        found = np.sum(sums, axis=0)
        found[0] = values.sum()
        return np.asarray(found)

    def close(self) -> RecurringDraws:
        """Return the sums."""
        start = self._in.customers_start
        if start <= 0:
            self._net[:], self._kept[:], start = np.nan, np.nan, 1.0
        revenue, ending, renewals = self._totals
        return RecurringDraws(
            nodes=self._in.nodes,
            revenue=revenue,
            ending=ending,
            renewals=renewals,
            nrr=self._net / start,
            grr=self._kept / start,
            parts=self._parts,
        )


def _add_rows(total: Floats, place: Ints, values: SmallFloats) -> None:
    """Add rows of values to the rows of the total at their places."""
    found = np.unique(place)
    if len(found) > FEW_PLACES:
        for row, one in zip(place.tolist(), values, strict=True):
            total[row] += one
    else:  # few sums of many rows are quicker as a product
        total[found] += (found[:, None] == place).astype(np.float32) @ values
