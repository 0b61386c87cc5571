"""The world stands inside public ranges (methods 5.2), with room for the luck of one seed."""

from __future__ import annotations

import numpy as np
import pytest

from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from lifecycle.world.trace import KINDS, Trace

YEAR_WEEKS = 52


@pytest.fixture(scope="module")
def trace() -> Trace:
    return simulate(preset("demo", accounts=2000, months=36, seed=3))


def _retained(trace: Trace, segment: int, *, growth: bool) -> float:
    """Share of MRR that is there a year later, with or without what was added."""
    now, later = [], []
    rows = trace.accounts.segment == segment
    for week in range(0, trace.params.weeks - YEAR_WEEKS, 13):
        before = trace.weekly.mrr_minor[rows, week].astype(float)
        after = trace.weekly.mrr_minor[rows, week + YEAR_WEEKS].astype(float)
        now.append(before.sum())
        after = after[before > 0] if growth else np.minimum(before, after)
        later.append(after.sum())
    return float(np.sum(later) / np.sum(now))


@pytest.mark.parametrize(
    ("segment", "lowest", "highest"), [(0, 0.66, 0.84), (1, 0.76, 0.91), (2, 0.84, 0.96)]
)
def test_gross_retention_is_as_public_companies_tell(
    trace: Trace, segment: int, lowest: float, highest: float
) -> None:
    assert lowest < _retained(trace, segment, growth=False) < highest


@pytest.mark.parametrize(
    ("segment", "lowest", "highest"), [(0, 0.80, 1.05), (1, 0.88, 1.12), (2, 0.92, 1.12)]
)
def test_net_retention_is_as_public_companies_tell(
    trace: Trace, segment: int, lowest: float, highest: float
) -> None:
    assert lowest < _retained(trace, segment, growth=True) < highest


def test_the_base_stays_near_the_size_aimed_at(trace: Trace) -> None:
    active = trace.weekly.active.sum(axis=0)
    assert active[0] == trace.params.initial_accounts
    assert 0.85 < active[-1] / trace.params.accounts < 1.15


def test_every_kind_of_movement_happens(trace: Trace) -> None:
    assert set(np.unique(trace.movements["kind"])) == set(range(len(KINDS)))


def test_a_second_line_is_held_by_about_a_fifth(trace: Trace) -> None:
    second = (trace.weekly.addon_mrr_minor[:, -1] > 0).sum()
    assert 0.10 < second / trace.weekly.active[:, -1].sum() < 0.28


def test_leaving_has_its_three_causes_in_a_plausible_order(trace: Trace) -> None:
    counts = [
        (trace.movements["kind"] == KINDS.index(kind)).sum()
        for kind in ("nonrenewal", "midterm_cancel", "involuntary_cancel")
    ]
    assert counts[0] > 4 * counts[1] > counts[2] > 20
