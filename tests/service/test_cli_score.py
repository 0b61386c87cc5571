"""A file of scores says over which days they look, and a refusal names what there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifecycle.errors import ModelNotFoundError
from service.cli_jobs import app
from tests.postgresql import add_settings
from tests.service.refresh.company import FIRST, build_company, release_contracts, release_orders

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Score a company with releases of both routes; return the JSON."""
    place = build_company(tmp_path)
    ledger = place.open_ledger()
    release_orders(ledger, place)
    release_contracts(ledger, place)
    ledger.close()
    add_settings(tmp_path, 'currency = "GBP"\n')

    def ask(*words: object) -> Any:
        given = ["score", *words, "--as-of", FIRST, "--out", tmp_path / "s.csv"]
        app(args=[*map(str, given), "--data-dir", str(tmp_path), "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    return ask


def test_a_file_of_scores_says_which_horizons_it_holds(run: Run) -> None:
    told = run("churn")
    assert told["horizon_days"] == [90, 90]
    assert told["model_version"] == "churn-non_contractual, churn-contractual"


def test_a_refused_horizon_names_each_of_that_models_once(run: Run) -> None:
    with pytest.raises(ModelNotFoundError) as refused:
        run("churn", "--horizon-days", 365)
    assert str(refused.value).count("churn over 90 days") == 1
    assert "clv" not in str(refused.value)
