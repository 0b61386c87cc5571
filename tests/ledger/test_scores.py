from __future__ import annotations

import json
import math

import pytest

from ledger.engine import Ledger
from ledger.runs import publish_run
from ledger.scores import (
    read_account,
    read_scored_models,
    read_scores,
    write_scores,
)
from lifecycle.errors import ConflictError, RowsError
from tests.ledger.story import DAY, REASON, new_run, publish_scores, release, score


def test_a_score_comes_back_as_it_was_written(ledger: Ledger) -> None:
    publish_scores(ledger, release(ledger, version="7"), ["A1"], value=1 / 3)
    current = read_scores(ledger, "churn", account_ids=["A1"], horizon_days=90)[0]
    issued = read_account(ledger, "A1")[0]
    assert (current.value, current.rank, current.currency) == (1 / 3, 1, None)
    assert (issued.value, issued.model_version, issued.as_of) == (1 / 3, "7", DAY)
    assert json.loads(current.reasons) == json.loads(issued.reasons) == [REASON]


def test_an_account_keeps_its_history_newest_first(ledger: Ledger) -> None:
    release_id = release(ledger)
    for value in (0.1, 0.2, 0.3):
        publish_scores(ledger, release_id, ["A1", "A2"], value=value)
    history = read_account(ledger, "A1")
    assert [(row.value, row.current) for row in history] == [
        (0.3, True),
        (0.2, False),
        (0.1, False),
    ]


def test_the_history_leaves_out_runs_never_published(ledger: Ledger) -> None:
    release_id = release(ledger)
    write_scores(ledger, new_run(ledger), [score("A1", release_id)])
    assert read_account(ledger, "A1") == []


def test_without_a_horizon_the_shortest_is_taken(ledger: Ledger) -> None:
    long, short = release(ledger, days=365), release(ledger, days=90)
    run_id = new_run(ledger)
    rows = [score("A1", long, horizon_days=365), score("A1", short, horizon_days=90)]
    write_scores(ledger, run_id, rows)
    publish_run(ledger, run_id)
    assert [row.horizon_days for row in read_scores(ledger, "churn", account_ids=["A1"])] == [90]
    found = read_scores(ledger, "churn", account_ids=["A1"], horizon_days=365)
    assert [row.horizon_days for row in found] == [365]


def test_without_a_horizon_each_account_answers_over_its_own_shortest(ledger: Ledger) -> None:
    short, long = release(ledger, days=90), release(ledger, days=365, route="contractual")
    run_id = new_run(ledger)
    rows = [score("A1", short), score("A2", long, horizon_days=365, route="contractual")]
    write_scores(ledger, run_id, rows)
    publish_run(ledger, run_id)
    found = read_scores(ledger, "churn", account_ids=["A1", "A2"])
    assert {(row.account_id, row.horizon_days) for row in found} == {("A1", 90), ("A2", 365)}


def test_what_a_model_says_beyond_the_score_is_kept(ledger: Ledger) -> None:
    run_id, detail = new_run(ledger), {"curve": {"30": 0.1}, "causes": {"midterm": 1.0}}
    write_scores(ledger, run_id, [score("A1", release(ledger), detail=detail)])
    publish_run(ledger, run_id)
    assert json.loads(read_account(ledger, "A1")[0].detail or "") == detail


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(ledger: Ledger, value: float) -> None:
    with pytest.raises(RowsError, match="A1"):
        write_scores(ledger, new_run(ledger), [score("A1", release(ledger), value=value)])


def test_a_reason_that_is_not_finite_is_refused(ledger: Ledger) -> None:
    bad = score("A1", release(ledger), reasons=[{"contribution": math.nan}])
    with pytest.raises(RowsError, match="reasons"):
        write_scores(ledger, new_run(ledger), [bad])


def test_an_account_twice_in_a_run_is_refused(ledger: Ledger) -> None:
    row = score("A1", release(ledger))
    with pytest.raises(ConflictError):
        write_scores(ledger, new_run(ledger), [row, row])


def test_a_run_remembers_which_releases_spoke(ledger: Ledger) -> None:
    run_id = publish_scores(ledger, release(ledger, version="3"), [f"A{i}" for i in range(4500)])
    found = [dict(row) for row in read_scored_models(ledger, run_id)]
    assert [(row["model"], row["horizon_days"], row["version"]) for row in found] == [
        ("churn", 90, "3")
    ]
