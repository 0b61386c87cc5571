"""OR2-90: spend and any order in the 90 days from 2011-09-10, for 5,281 customers of a wholesaler.

The whole path of the product is walked: ingest of the bundled export, frames as of each past day,
labels, fit, prediction. Nothing was chosen on the test window: see ``NOTE``.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from benchmarks.protocol import ROOT, Result, check_reproduced
from lifecycle.history import History, open_history
from lifecycle.ingest import IngestOptions, ingest
from lifecycle.lake import Lake
from lifecycle.sources.mapping_file import load_mapping
from models import accuracy
from models.base import Examples, FloatArray, ScoreModel
from models.baselines import RunRate
from models.churn import LapseModel
from models.clv.combined import CombinedValue
from models.clv.parametric import ParametricLapse, ParametricValue
from models.clv.rivals import HurdleValue, TweedieValue
from training.datasets import SliceStore, build_training_set
from training.labels import label_lapse, label_spend

NAME = "or2-90"
TEST, HORIZON, KNOWN_ON = date(2011, 9, 10), 90, date(2011, 12, 10)
DAYS = [
    *(date(2010, month, 1) for month in range(3, 13)),
    *(date(2011, month, 1) for month in range(1, 7)),
    date(2011, 6, 12),
]
ZONE, MINOR = ZoneInfo("Europe/London"), 100.0
CUSTOMERS, TRAINING_ROWS, SPENT = 5281, 62_982, 2_868_162
PAGE = {
    "mean": {"mae": 730, "rmse": 3284},
    "spend of the last 90 days": {
        "mae": 423,
        "rmse": 2266,
        "r2": 0.524,
        "spearman": 0.481,
        "bias": -0.353,
    },
    "run rate of 365 days": {
        "mae": 384.6, "rmse": 2074, "r2": 0.601, "spearman": 0.567, "gini": 0.802, "bias": -0.286,
    },
}  # fmt: skip
SCALES = (0.7, 0.8, 0.9, 1.0, 1.1)
NOTE = (
    "Champions are the gate's winners as of 2011-09-10, on four origins from 2011-01-28 to "
    "2011-06-12. The mix of the value champion was fixed before on five origins (2011-03-01 to "
    "2011-06-12) as the lowest mean rank of MAE over the run rate's, bias, R2, Spearman and Gini "
    "among 12 learners and 62 mixes; after the season was then made known earlier, the same study "
    "ranks it 8th, and its first (3/4 quantile, 1/4 Tweedie) has MAE 380, R2 .669, Gini .819 "
    "here. Frontier (champion's total scaled; MAE at bias): {frontier}. The data page's Gini of "
    "the 90-day spend (.717) depends on the order of its many ties and is not reproduced; its "
    "BG/NBD row (MAE 461) is beaten by our fit (402). BG/NBD and the hurdle rank big spenders "
    "better (Gini .829 and .831) than the champion. One "
    "test window: differences of 2-3 % in MAE between learners are noise."
)


def _load(folder: Path) -> History:
    options = IngestOptions("GBP", folder / "quarantine", datetime.now(UTC))
    for table in ("accounts", "orders"):
        mapping = ROOT / "examples" / "mappings" / f"online_retail_ii_{table}.toml"
        source = ROOT / "examples" / "online_retail_ii" / f"{table}.parquet"
        ingest(str(source), load_mapping(mapping), lake=Lake(folder / "lake"), options=options)
    return open_history(folder / "lake", zone=ZONE)


def _value_figures(spent: FloatArray, expected: FloatArray) -> dict[str, float]:
    figures = {
        "mae": accuracy.mae(spent, expected) / MINOR,
        "rmse": accuracy.rmse(spent, expected) / MINOR,
        "r2": accuracy.r2(spent, expected),
        "bias": accuracy.bias_share(spent, expected),
    }
    if np.ptp(expected) > 0:
        figures["spearman"] = accuracy.spearman(spent, expected)
        figures["gini"] = accuracy.gini_normalised(spent, expected)
    return figures


def _lapse_figures(lapsed: FloatArray, risk: FloatArray) -> dict[str, float]:
    return {
        "auc": accuracy.auc(lapsed, risk),
        "log_loss": accuracy.log_loss(lapsed, risk),
        "average_precision_buys": accuracy.average_precision(1 - lapsed, 1 - risk),
    }


def _check(rivals: dict[str, dict[str, float]]) -> None:
    for rival, figures in PAGE.items():
        for name, published in figures.items():
            check_reproduced(f"{rival}, {name}", rivals[rival][name], published)


def _simple(frame: pa.Table, spent: FloatArray) -> dict[str, FloatArray]:
    return {
        "mean": np.full(len(spent), spent.mean()),
        "spend of the last 90 days": RunRate(90).predict(frame, horizon_days=HORIZON),
        "run rate of 365 days": RunRate(365).predict(frame, horizon_days=HORIZON),
    }


def _predict(model: ScoreModel, past: Examples, frame: pa.Table) -> FloatArray:
    return model.fit(past).predict(frame, horizon_days=HORIZON)


def _frontier(spent: FloatArray, expected: FloatArray) -> str:
    points = [_value_figures(spent, scale * expected) for scale in SCALES]
    return ", ".join(f"{one['mae']:.0f} at {one['bias']:+.0%}" for one in points)


def run() -> Result:
    """Walk the protocol once."""
    with tempfile.TemporaryDirectory() as folder:
        store = SliceStore(_load(Path(folder)))
        made = {
            target: build_training_set(store, DAYS, TEST, horizon_days=HORIZON, target=target)
            for target in (label_spend, label_lapse)
        }
        frame = store.frame(TEST)
        spent = store.spend([TEST], KNOWN_ON, horizon_days=HORIZON)[0]
    check_reproduced("customers", len(spent), CUSTOMERS, tolerance=0)
    check_reproduced("spend", float(spent.sum()) / MINOR, SPENT, tolerance=1e-5)
    past, lapse_past = made[label_spend].examples, made[label_lapse].examples
    check_reproduced("training rows", len(past.label), TRAINING_ROWS, tolerance=0)
    value_rivals: list[ScoreModel] = [
        ParametricValue("bg_nbd"), ParametricValue("pareto_nbd"), TweedieValue(), HurdleValue(),
    ]  # fmt: skip
    rivals = {name: _value_figures(spent, p) for name, p in _simple(frame, spent).items()}
    _check(rivals)
    for model in value_rivals:
        rivals[model.name] = _value_figures(spent, _predict(model, past, frame))
    expected = _predict(CombinedValue(), past, frame)
    lapsed = label_lapse(spent)
    lapse_rivals: list[ScoreModel] = [
        LapseModel("recency_rule"), LapseModel("overdue_rule"), ParametricLapse("bg_nbd"),
        ParametricLapse("pareto_nbd"), LapseModel("logistic"), LapseModel("trees"),
        LapseModel("blend"),
    ]  # fmt: skip
    for model in lapse_rivals:
        rivals[model.name] = _lapse_figures(lapsed, _predict(model, lapse_past, frame))
    risk = _predict(LapseModel("pace"), lapse_past, frame)
    figures = _value_figures(spent, expected) | _lapse_figures(lapsed, risk)
    figures["abs_bias"] = abs(figures["bias"])
    note = NOTE.format(frontier=_frontier(spent, expected))
    return Result(figures=figures, rivals=rivals, n=len(spent), note=note)
