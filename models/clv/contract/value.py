"""Lifetime value of accounts under contract: what they are still worth, with its doubt.

    residual = sum over 60 months of  discount x P(paying) x (E[MRR | paying] x margin - cost)

P(paying) comes from the monthly hazard for a year and from the segment's curve by tenure after it,
tilted by what the hazard knew of the account; E[MRR] from expansions, downgrades and price changes.
Historic value (what was earned so far) is kept apart from residual value, and their sum from both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from lifecycle.errors import ModelError, NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit, check_fitted
from models.clv.contract.cash import (
    DISCOUNT_SHARE,
    GROUPS,
    HEADLINE_DAYS,
    HEADLINE_MONTHS,
    Plan,
    explain_value,
)
from models.clv.contract.course import Course
from models.clv.contract.draws import QUANTILES, draw_values
from models.clv.contract.jackknife import measure_spread
from models.clv.contract.portfolio import (
    Interval,
    NetRetention,
    measure_portfolio,
    measure_retention,
    trail_retention,
)
from models.clv.contract.rows import MONTH_DAYS, Contracts
from models.columns import Frame
from models.parts import read_part, write_part

PART = "contract_value.json"
FEWEST_ROWS = 30
PORTFOLIO_DRAWS = 500
ACCOUNT_DRAWS = 200
POINTS = ("p10_minor", "p50_minor", "p90_minor")


class ContractValue:
    """Expected revenue within the label's horizon, and residual value over sixty months.

    Parameters
    ----------
    discount
        A year's discount (share).
    own_year
        Whether the first year comes from the monthly hazard of the account (when there are enough
        decisions to fit it) or, like the rest, from its segment's curve.
    """

    unit: Unit = "minor"

    def __init__(self, *, discount: float = DISCOUNT_SHARE, own_year: bool = True) -> None:
        self.name = "contract_value" if own_year else "contract_curve"
        self.discount, self.own_year = discount, own_year
        self.horizon_days = 0
        self.serves_days = 0
        self.trailing: dict[str, float] = {}
        self._course: Course | None = None

    def fit(self, examples: Examples) -> Self:
        """Learn from past days; labels are revenue within the horizon (minor units).

        Raises
        ------
        NotEnoughHistoryError
            Fewer than 30 rows.
        ModelError
            The examples carry no outcomes.
        FeatureMismatchError
            The frame lacks monthly revenue or tenure.
        """
        if examples.frame.num_rows < FEWEST_ROWS:
            found = f"{examples.frame.num_rows} rows of contracts"
            raise NotEnoughHistoryError(found, f"{FEWEST_ROWS} or more", "ingest a longer history")
        self.horizon_days = self.serves_days = examples.horizon_days
        self._course = Course.fit(examples, own_year=self.own_year)
        self.trailing = trail_retention(examples)
        return self

    def measure_doubt(self, examples: Examples) -> Self:
        """Learn how uncertain the worth of the latest past day's accounts is; ten further fits.

        Raises
        ------
        ModelError
            There is no fit.
        """
        book = examples.take(examples.as_of == examples.as_of.max()).frame

        def value(rest: Examples) -> FloatArray:
            again = ContractValue(discount=self.discount, own_year=self.own_year).fit(rest)
            return again.predict(book, horizon_days=HEADLINE_DAYS)

        self._course = self._fitted().doubted(measure_spread(examples, value))
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return shape (n,), minor units.

        Parameters
        ----------
        frame
            A contract frame.
        horizon_days
            The fit's: expected revenue within it. 1825: residual value, discounted margin less
            cost to serve over sixty months (revenue-based where the margin is unknown). None: the
            fit's, or what ``serve_residual`` made it.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon, or no fit.
        """
        horizon = self.serves_days if horizon_days is None else horizon_days
        if horizon == HEADLINE_DAYS:
            return self.plan(frame).value()
        if horizon != self.horizon_days or not horizon:
            raise ModelError(
                f"horizon of {horizon} days asked of a model fitted for {self.horizon_days}",
                f"{self.horizon_days} or {HEADLINE_DAYS} days",
                "train a model for that horizon",
            )
        months = horizon / MONTH_DAYS
        plan, whole = self.plan(frame), int(months)
        part = months - whole
        sums = [plan.revenue(months=whole), plan.revenue(months=whole + 1)]
        return np.asarray((1.0 - part) * sums[0] + part * sums[1])

    def explain(self, frame: Frame) -> Explanation:
        """Return the residual value in steps that add up to it (see ``cash.explain_value``)."""
        steps = explain_value(self.plan(frame))
        return Explanation(0.0, GROUPS, steps, "identity", "contractual")

    def plan(self, frame: Frame) -> Plan:
        """Return the expected course of every row over sixty months.

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            There is no fit.
        """
        return self._fitted().plan(frame, discount=self.discount)

    def draws(self, frame: Frame, count: int = PORTFOLIO_DRAWS) -> FloatArray:
        """Return ``count`` futures of every row's residual value, shape (count, n).

        Within a draw all rows share the common shocks, so that sums over rows are futures of the
        book.
        """
        course = self._fitted()
        book = course.book(frame, discount=self.discount)
        if frame.num_rows == 0:
            return np.empty((count, 0))
        return draw_values(book, course.moves, course.doubt, count=count)

    def intervals(self, frame: Frame, count: int = ACCOUNT_DRAWS) -> FloatArray:
        """Return each row's 10, 50 and 90 % points, shape (n, 3), minor units."""
        if frame.num_rows == 0:
            return np.empty((0, 3))
        return np.asarray(np.quantile(self.draws(frame, count), QUANTILES, axis=0).T)

    def portfolio(self, frame: Frame, count: int = PORTFOLIO_DRAWS) -> Interval:
        """Return the whole book's residual value and its interval, common shocks included."""
        expected = self.predict(frame, horizon_days=HEADLINE_DAYS)
        return measure_portfolio(self.draws(frame, count), expected)

    def retention(self, frame: Frame) -> tuple[NetRetention, ...]:
        """Return the net revenue retention that the values imply, next to the trailing one."""
        return measure_retention(self.plan(frame), Contracts.read(frame).segment, self.trailing)

    def detail(self, frame: Frame, why: Explanation) -> list[dict[str, Any]]:
        """Return per row what a score carries besides its value.

        ``p10_minor``, ``p50_minor``, ``p90_minor`` of the residual value (wide: one account's
        value is mostly chance), ``historic_minor`` and ``total_minor`` (None where the past is not
        known), ``months`` ahead, ``margin_known`` (else the value is revenue-based), and ``steps``
        from the full contract to the residual value.
        """
        rows = Contracts.read(frame)
        residual = why.contributions.sum(axis=1)
        points, historic = self.intervals(frame), rows.historic()
        return [
            {
                **dict(zip(POINTS, (float(v) for v in points[row]), strict=True)),
                "historic_minor": _finite(historic[row]),
                "residual_minor": float(residual[row]),
                "total_minor": _finite(historic[row] + residual[row]),
                "months": HEADLINE_MONTHS,
                "margin_known": bool(np.isfinite(rows.margin[row])),
                "steps": dict(zip(GROUPS, map(float, why.contributions[row]), strict=True)),
            }
            for row in range(frame.num_rows)
        ]

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, and that of the monthly hazard where there is one."""
        kept = {
            "name": self.name,
            "discount": self.discount,
            "own_year": self.own_year,
            "horizon_days": self.horizon_days,
            "serves_days": self.serves_days,
            "trailing": self.trailing,
        }
        return {PART: write_part(kept), **self._fitted().to_parts()}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            model = cls(discount=float(kept["discount"]), own_year=bool(kept["own_year"]))
            model.horizon_days = int(kept["horizon_days"])
            model.serves_days = int(kept["serves_days"])
            model.trailing = {str(k): float(v) for k, v in kept["trailing"].items()}
        model._course = Course.from_parts(parts)
        return model

    def _fitted(self) -> Course:
        return check_fitted(self._course, self.name)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
