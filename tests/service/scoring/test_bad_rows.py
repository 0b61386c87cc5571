"""Values that no model has an answer for: a problem of their row, found without asking each."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from ledger.engine import Ledger
from ledger.releases import Release
from lifecycle.errors import DataError, FeatureMismatchError, ModelError, RowsError
from models.base import Explanation, FloatArray, ScoreModel
from models.clv.parametric import ParametricLapse
from models.columns import Columns, to_columns
from service.scoring.compute import About, Row, Saying, compute_rows
from service.scoring.keeper import Champion
from tests.ledger.story import new_ledger
from tests.models.pastdays import Company, monthly
from tests.models.serving.released import release_cases
from tests.service.conftest import Client, make_key, open_client
from tests.service.scoring.company import DAY, contracts, orders, publish, release
from tests.service.scoring.conftest import ask
from tests.service.scoring.test_ask import names
from tests.service.scoring.test_score_jobs import lines, send, work

ROWS = 1_024
NOW = datetime.now(UTC)


class Picky:
    """Says x of a row, unless x is below 0; of 1e9 it has no finite reasons."""

    name, unit = "picky", "probability"

    def __init__(self, error: Exception) -> None:
        self.error, self.calls = error, 0

    def predict(self, frame: Columns, *, horizon_days: int | None = None) -> FloatArray:
        self.calls += 1
        values = frame.values("x")
        if (values < 0).any():
            raise self.error
        return np.asarray(values, dtype=np.float64)

    def explain(self, frame: Columns) -> Explanation:
        x = frame.values("x")
        parts = np.where(x == 1e9, np.inf, x)[:, None]
        return Explanation(0.0, ("recency",), parts, "logit")


def say(model: Any, frame: Columns, *, reasons: bool = False, horizon: int = 90) -> list[Row]:
    """What is answered to rows that are as they should be."""
    made = Release("m", horizon, "non_contractual", "m", "1", "", DAY, NOW, {}, {})
    about = About(model.unit, None, made.route, 90, "1", None, None, NOW, False, False)
    champion = Champion(made, cast(ScoreModel, model), {})
    return compute_rows(Saying(champion, about, {"high": 1.0}, reasons), frame, {})


def frame_of(x: FloatArray) -> Columns:
    return Columns({"x": x}, len(x))


def rules(rows: list[Row]) -> list[str | None]:
    return [row.faults[0].rule if row.faults else None for row in rows]


@pytest.mark.parametrize(
    "error",
    [ModelError("a"), DataError("a"), RowsError("a"), FeatureMismatchError("a"),
     OverflowError(), ZeroDivisionError(), FloatingPointError(), ValueError(), IndexError()],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_a_bad_row_is_found_by_halves(error: Exception) -> None:
    x = np.linspace(0.1, 0.9, ROWS)
    x[700] = -1.0
    model = Picky(error)
    found = say(model, frame_of(x))
    assert [at for at, row in enumerate(found) if row.value is None] == [700]
    assert rules(found)[700] == "cannot-say"
    assert [row.value for row in found if row.value is not None] == np.delete(x, 700).tolist()
    assert model.calls == 1 + 2 * math.log2(ROWS)


def test_want_of_memory_is_no_fault_of_a_row() -> None:
    with pytest.raises(MemoryError):
        say(Picky(MemoryError()), frame_of(np.array([0.5, -1.0])))


@pytest.mark.parametrize("reasons", [False, True])
def test_a_value_that_is_not_finite_costs_no_second_question(reasons: bool) -> None:
    model = Picky(ValueError())
    found = say(model, frame_of(np.array([0.5, np.inf, np.nan, 0.2])), reasons=reasons)
    assert rules(found) == [None, "cannot-say", "cannot-say", None]
    assert model.calls == 1


def test_a_row_without_finite_reasons_takes_no_other_away() -> None:
    found = say(Picky(ValueError()), frame_of(np.array([0.5, 1e9, 0.2])), reasons=True)
    assert rules(found) == [None, "cannot-say", None]
    assert [json.loads(row.reasons) for row in found if row.reasons] == [[], []]


def test_the_worth_of_a_contract_beyond_all_money_has_no_reasons() -> None:
    """Undiscounted and without loss it is infinite, though the value itself is not."""
    model, table, horizon = release_cases()["contract_value"]
    frame = to_columns(table).take(np.arange(3))
    mrr = frame.values("mrr_minor").copy()
    mrr[1] = 3.1e306
    frame = frame.with_columns({"mrr_minor": mrr})
    assert rules(say(model, frame, horizon=horizon)) == [None] * 3
    assert rules(say(model, frame, reasons=True, horizon=horizon)) == [None, "cannot-say", None]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    """A company whose champion of churn refuses histories that cannot be."""
    folder = tmp_path_factory.mktemp("parametric")
    ledger = new_ledger(folder)
    lapse = ParametricLapse("bg_nbd").fit(Company(customers=120).examples(monthly(), lapse=True))
    _, _, value, frame = orders()
    risk, lines = contracts()
    spoken = [
        (release(ledger, folder, lapse, "churn", "p1"), lapse, frame),
        (release(ledger, folder, value, "clv", "v1"), value, frame),
        (release(ledger, folder, risk, "churn", "c1", route="contractual"), risk, lines),
    ]
    publish(ledger, spoken)
    return folder, ledger


@pytest.fixture(scope="module")
def parametric(home: tuple[Path, Ledger]) -> Client:
    client = open_client(home[0], make_key(*home, role="crm"))
    client.app.state.scorer.keeper.look()
    return client


@pytest.mark.parametrize("reasons", [False, True])
@pytest.mark.parametrize(
    "overrides",
    [{"frequency": None}, {"frequency": -71.5}, {"T": None}, {"recency": None, "frequency": -1}],
)
def test_a_history_that_cannot_be_is_a_problem_of_its_row(
    parametric: Client, overrides: dict[str, object], reasons: bool
) -> None:
    others = [{"id": name, "overrides": {"frequency": 3}} for name in names()[1:4]]
    rows = [others[0], {"id": names()[0], "overrides": overrides}, *others[1:], {"id": "C003"}]
    found = ask(parametric, {"rows": rows, "reasons": reasons})
    alone = ask(parametric, {"rows": [*others, rows[-1]], "reasons": reasons})
    assert [one["rule"] for one in found[1]["problems"]] == ["cannot-say"]
    assert "71" not in json.dumps(found[1])
    assert [one["value"] for one in found if "value" in one] == [one["value"] for one in alone]


def test_a_thousand_bad_rows_are_answered_in_time(parametric: Client) -> None:
    ids = [names()[at % 40] for at in range(1_000)]
    began = time.perf_counter()
    found = ask(parametric, {"ids": ids, "overrides": {"frequency": None}, "reasons": True})
    assert time.perf_counter() - began < 5.0
    assert len([one for one in found if one["problems"]]) == 1_000


def test_a_bad_row_does_not_end_a_job(parametric: Client, home: tuple[Path, Ledger]) -> None:
    wish = {"format": "ndjson", "given": "overrides", "columns": ["id", "frequency"]}
    body = lines(
        {**wish, "reasons": True}, *[[names()[at], None if at == 2 else 3] for at in (0, 2, 4)]
    )
    assert send(parametric, "/v1/scores/churn/jobs", body).status_code == 202
    made = [json.loads(line) for line in work(home[1], home[0]).splitlines()]
    assert [one["problems"] and one["problems"][0]["rule"] for one in made] == [
        None,
        "cannot-say",
        None,
    ]
