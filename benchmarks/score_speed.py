"""How fast accounts are scored with reasons, against LightGBM's own contributions.

The headline is fitted as in ``train-speed`` and scores the accounts of one day: risk, rank, band,
reasons in words with peers' medians, all additive parts. The rival is ``pred_contrib`` of the very
booster inside it on the very same matrix, one thread each. Both are timed in turn; the ratio is of
their medians.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import lightgbm
import numpy as np

from benchmarks.protocol import BenchmarkError, Result
from benchmarks.train_speed import HORIZON, fit_timed, load_examples
from models.contract.headline import MODEL_PART, TREES_PART
from models.contract.inputs import Inputs
from models.contract.risk import finish_risk
from models.scoring import score

NAME = "score-speed"
ROUNDS = 9


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run() -> Result:
    """Fit, then time product and rival in turn."""
    examples = load_examples()
    model, _ = fit_timed(examples, "contract_blend")
    parts = model.to_parts()
    if TREES_PART not in parts:
        raise BenchmarkError("the blend has no trees; expected a company with enough events")
    frame = examples.take(examples.as_of == examples.as_of.max()).frame
    booster = lightgbm.Booster(model_str=parts[TREES_PART].decode())
    matrix = Inputs.from_json(json.loads(parts[MODEL_PART])["inputs"]).matrix(frame)
    served = finish_risk(model, examples)
    works: dict[str, Callable[[], object]] = {
        "product": lambda: score(model, frame, horizon_days=HORIZON),
        "with curve": lambda: score(served, frame, horizon_days=HORIZON),
        "rival": lambda: booster.predict(matrix, pred_contrib=True, num_threads=1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(ROUNDS + 1):
        for name, work in works.items():
            spent = _timed(work)
            if turn:  # the first round warms up
                seconds[name].append(spent)
    middle = {name: statistics.median(found) for name, found in seconds.items()}
    rate = {name: frame.num_rows / spent for name, spent in middle.items()}
    spread = float(np.std(seconds["product"]) / middle["product"])
    return Result(
        figures={
            "accounts_per_s": rate["product"],
            "ratio_contrib": rate["product"] / rate["rival"],
            "ratio_with_curve": rate["with curve"] / rate["rival"],
        },
        rivals={"raw pred_contrib": {"accounts_per_s": rate["rival"]}},
        n=frame.num_rows,
        note=f"{booster.num_trees()} trees, {matrix.shape[1]} columns; median of {ROUNDS} rounds, "
        f"spread {spread:.0%}.",
    )
