"""Kept forecasts whose quarter has ended: what is to be written of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from models.forecast.scoring import score_grid, score_range

Columns = dict[str, float | bool | None]


class Waiting(Protocol):
    """A kept forecast of one leg and node that was not scored yet, minor units."""

    @property
    def id(self) -> int:
        """What its scores are kept under."""

    @property
    def node(self) -> str:
        """Of what it was said."""

    @property
    def mean_minor(self) -> float:
        """Its mean."""

    @property
    def range_minor(self) -> tuple[float, float, float]:
        """P10, P50 and P90."""

    @property
    def quantiles(self) -> tuple[int, ...] | None:
        """All 21, or None where only the range was kept."""

    @property
    def to_date_minor(self) -> float | None:
        """What was in at its origin."""


def score_waiting(
    waiting: Sequence[Waiting], actual: Mapping[str, float]
) -> Iterator[tuple[int, Columns]]:
    """Yield id and scores of kept forecasts whose node has an actual (minor units).

    Parameters
    ----------
    waiting
        Of one target and quarter.
    actual
        What the quarter brought by node.
    """
    known = [one for one in waiting if one.node in actual]
    for whole in (True, False):
        rows = [one for one in known if (one.quantiles is not None) == whole]
        if not rows:
            continue
        told = [one.quantiles if whole else one.range_minor for one in rows]
        scored = (score_grid if whole else score_range)(
            np.array(told, dtype=np.float64),
            np.array([one.mean_minor for one in rows]),
            np.array([actual[one.node] for one in rows]),
            to_date_minor=np.array(
                [np.nan if one.to_date_minor is None else one.to_date_minor for one in rows]
            ),
        )
        yield from zip([one.id for one in rows], scored.rows(), strict=True)
