from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lifecycle.errors import RefusedError
from lifecycle.world.drivers import GROUPS, true_drivers
from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from lifecycle.world.trace import Trace
from lifecycle.world.truth import oracle_risk, write_truth

SMALL = preset("tiny", accounts=120, months=14)


@pytest.fixture(scope="module")
def trace() -> Trace:
    return simulate(SMALL)


@pytest.fixture(scope="module")
def folder(trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("truth") / "new"
    write_truth(trace, place, draws=2)
    return place


def test_the_truth_states_what_the_world_was_made_from(folder: Path) -> None:
    stated = json.loads((folder / "truth_params.json").read_text())
    assert stated["params"]["risk"]["health"] == SMALL.risk.health
    assert len(stated["macro"]["churn"]) == SMALL.weeks + 1


def test_the_truth_holds_every_month_of_every_open_account(folder: Path, trace: Trace) -> None:
    rows = pq.read_table(folder / "truth_account_month.parquet")
    assert len(set(rows["month_on"].to_pylist())) == 13
    risk = rows["risk_90d"].to_numpy()
    assert ((risk > 0) & (risk < 1)).all()


def test_values_and_deals_have_their_files(folder: Path) -> None:
    assert pq.read_table(folder / "truth_clv.parquet").num_rows > 50
    assert pq.read_table(folder / "truth_opp_week.parquet").num_rows > 50


def test_the_truth_is_never_written_into_a_data_directory(trace: Trace, tmp_path: Path) -> None:
    (tmp_path / "lake" / "_batches").mkdir(parents=True)
    with pytest.raises(RefusedError, match="holds a lake"):
        write_truth(trace, tmp_path / "truth")
    assert not (tmp_path / "truth").exists()


def test_drivers_explain_the_true_risk(trace: Trace) -> None:
    day = 7 * 40
    ids, groups, parts = true_drivers(trace, day)
    known, risk = oracle_risk(trace, day, horizon_days=90, draws=16)
    assert groups == GROUPS
    assert np.array_equal(ids, known)
    together = np.corrcoef(parts.sum(axis=1), np.log(risk / (1 - risk)))[0, 1]
    assert together > 0.9


def test_a_deadline_within_the_horizon_drives_risk(trace: Trace) -> None:
    day = 7 * 40
    _, groups, parts = true_drivers(trace, day)
    renewal = parts[:, groups.index("renewal")]
    assert renewal.max() > 1.0
    assert renewal.min() < -0.5
