"""What contract values have to beat: MRR goes on, one churn rate for all, and cohort averages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np

from lifecycle.errors import ModelError, NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit
from models.clv.contract.cash import DISCOUNT_SHARE, HEADLINE_DAYS, HEADLINE_MONTHS, Plan
from models.clv.contract.rows import MONTH_DAYS, Cells, Contracts, Names
from models.clv.contract.tail import build_lives
from models.columns import Frame
from models.parts import read_part, write_part

Kind = Literal["persistence", "flat_churn", "cohort_average"]
KINDS: tuple[Kind, ...] = ("persistence", "flat_churn", "cohort_average")
PART = "contract_rule.json"
SHRINK_ROWS = 50.0
OLDEST_YEARS = 5.0
GROUP = "contract"


class ContractRule:
    """A rule for revenue within the label's horizon; residual value by one churn rate for all.

    Parameters
    ----------
    kind
        ``persistence``: today's MRR for the whole horizon. ``flat_churn``: MRR that melts at the
        past rate of leaving, MRR x margin / churn cut at sixty months. ``cohort_average``: the
        mean revenue of past accounts of the segment and year of tenure, whatever their MRR.
    discount
        A year's discount (share) of residual values.
    """

    unit: Unit = "minor"

    def __init__(self, kind: Kind = "persistence", *, discount: float = DISCOUNT_SHARE) -> None:
        self.kind, self.discount = kind, discount
        self.name = f"contract_{kind}"
        self.horizon_days = 0
        self.serves_days = 0
        self._churn = 0.0
        self._means = Cells({}, 0.0)

    def fit(self, examples: Examples) -> Self:
        """Take the rate of leaving and the cohorts' means.

        Raises
        ------
        NotEnoughHistoryError
            There is no row.
        ModelError
            The examples carry no outcomes.
        FeatureMismatchError
            The frame lacks monthly revenue or tenure.
        """
        if examples.frame.num_rows == 0:
            raise NotEnoughHistoryError("0 contracts", "1 or more", "ingest contracts")
        self.horizon_days = self.serves_days = examples.horizon_days
        lives, _ = build_lives(examples)
        watched = float((lives.exit - lives.entry).sum()) + 0.5 * len(lives.exit)
        self._churn = lives.ends / max(watched, 1.0)
        names = _cohorts(Contracts.read(examples.frame))
        one = np.ones(len(names))
        self._means = Cells.shrink(names, examples.label, one, weight=SHRINK_ROWS)
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return shape (n,), minor units: revenue within the fit's horizon, or residual at 1825.

        Raises
        ------
        FeatureMismatchError
            The frame lacks monthly revenue or tenure.
        ModelError
            Another horizon, or no fit.
        """
        horizon = self.serves_days if horizon_days is None else horizon_days
        rows = Contracts.read(frame)
        if horizon == HEADLINE_DAYS and self.horizon_days:
            return self._residual(rows)
        if horizon != self.horizon_days or not horizon:
            raise ModelError(
                f"horizon of {horizon} days asked of a rule fitted for {self.horizon_days}",
                f"{self.horizon_days} or {HEADLINE_DAYS} days",
                "train a model for that horizon",
            )
        months = horizon / MONTH_DAYS
        if self.kind == "persistence":
            return rows.mrr * months
        if self.kind == "cohort_average":
            return self._means.of(_cohorts(rows))
        share = -np.expm1(-self._churn * months) / max(self._churn, 1e-9)
        return np.asarray(rows.mrr * share)

    def explain(self, frame: Frame) -> Explanation:
        """Return the residual value, all of it due to the contract."""
        worth = self.predict(frame, horizon_days=HEADLINE_DAYS)
        return Explanation(0.0, (GROUP,), worth[:, None], "identity", "contractual")

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part."""
        kept = {
            "kind": self.kind,
            "discount": self.discount,
            "horizon_days": self.horizon_days,
            "serves_days": self.serves_days,
            "churn": self._churn,
            "means": self._means.to_json(),
        }
        return {PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            kind = KINDS[KINDS.index(kept["kind"])]
            model = cls(kind, discount=float(kept["discount"]))
            model.horizon_days = int(kept["horizon_days"])
            model.serves_days = int(kept["serves_days"])
            model._churn = float(kept["churn"])
            model._means = Cells.from_json(kept["means"])
        return model

    def _residual(self, rows: Contracts) -> FloatArray:
        n = len(rows.mrr)
        mrr = rows.mrr
        if self.kind == "cohort_average":
            mrr = self._means.of(_cohorts(rows)) / (self.horizon_days / MONTH_DAYS)
        plan = Plan(
            hazard=np.full((n, HEADLINE_MONTHS), self._churn),
            lag=np.zeros(n),
            mrr=mrr,
            level=np.ones((n, HEADLINE_MONTHS)),
            margin=np.where(np.isfinite(rows.margin), rows.margin, 1.0),
            cost=rows.cost,
            discount=self.discount,
        )
        return plan.value()


def _cohorts(rows: Contracts) -> Names:
    years = np.minimum(np.floor(rows.age / 12.0), OLDEST_YEARS).astype(np.int64)
    words = [f"{segment}/{year}" for segment, year in zip(rows.segment, years, strict=True)]
    return np.array(words, dtype=object)
