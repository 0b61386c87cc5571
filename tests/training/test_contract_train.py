"""Contracts are trained on from the first day whose ends are on record, by units still open."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from features.contract_frame import contract_frame
from ledger.engine import open_ledger
from ledger.releases import read_champion
from lifecycle.errors import DataError, NotEnoughHistoryError, UsageError
from lifecycle.history import History, open_history
from models.contract.risk import ContractRisk
from models.scoring import load_model
from tests.builders import build_lake, order
from tests.features.contracts import START, change, snapshot_of, sub
from tests.leakage.contract_worlds import TODAY, ZONE, company
from tests.mlflow_template import copy_store
from tests.training.companies import LAST
from tests.training.test_cli import _run
from training.contract_slices import contract_slices, find_first_contract_day, find_reporting_lag
from training.datasets import SliceStore, build_training_set, check_current
from training.labels import label_spend
from training.routes import find_routes
from training.specs import find_spec

DAY = date(2021, 6, 1)
TERM: dict[str, Any] = {"term_ends_on": date(2021, 9, 1), "notice_days": 60}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("contracts")
    copy_store(made)
    (made / "truecast.toml").write_text('currency = "GBP"\ntimezone = "Europe/London"\n')
    days = [TODAY - timedelta(days=n) for n in range(1, 40)]
    lone = [order("buyer", day, known_source="assumed") for day in days]
    facts: dict[str, Any] = {**company(TODAY), "orders": lone}
    build_lake(made, **facts)
    return made


@pytest.fixture(scope="module")
def contracts(lake: Path) -> History:
    return open_history(lake / "lake", zone=ZONE)


@pytest.fixture(scope="module")
def trained(lake: Path, contracts: History) -> Result:
    return _run("train", "churn", "--as-of", TODAY.isoformat(), "--route", "contractual",
                "--horizon-days", "45", "--json", folder=lake)  # fmt: skip


def told(trained: Result) -> dict[str, Any]:
    assert trained.exit_code == 0, trained.exception
    one: dict[str, Any] = json.loads(trained.stdout)["trained"][0]
    return one


def test_a_command_trains_the_contractual_route(trained: Result) -> None:
    one = told(trained)
    assert (one["model"], one["route"], one["unit"]) == ("churn", "contractual", "account")
    assert len(one["digest"]) == 64


def test_with_few_decisions_tables_serve_and_the_card_says_so(trained: Result) -> None:
    one = told(trained)
    assert one["candidate"] in {"base_rate", "renewal_table"}
    assert "fewer than 30: tables serve" in one["gate"]["few_events"]
    assert {"contract_logistic", "contract_blend", "contract_trees"} <= set(one["left_out"])


def test_the_card_tells_the_knowledge_times_of_contracts(lake: Path, trained: Result) -> None:
    told(trained)
    ledger = open_ledger(f"sqlite:///{lake / 'ledger.sqlite'}")
    card = read_champion(ledger, "churn", horizon_days=45, route="contractual").card
    # the orders beside them came with an assumed delay
    assert card["data"]["known_source_shares"] == {"recorded": 1.0}


def test_what_is_missing_is_told_in_words_of_contracts(contracts: History) -> None:
    store = SliceStore(contracts, kind=contract_slices("leave"))
    with pytest.raises(NotEnoughHistoryError, match="90 days of contract facts"):
        build_training_set(store, [], TODAY, horizon_days=45, target=label_spend)


def test_the_release_scores_with_its_curve(lake: Path, contracts: History, trained: Result) -> None:
    ledger = open_ledger(f"sqlite:///{lake / 'ledger.sqlite'}")
    release = read_champion(ledger, "churn", horizon_days=45, route="contractual")
    model = load_model(lake / "bundles", release.digest)
    frame = contract_frame(contracts.as_of(TODAY))
    assert isinstance(model, ContractRisk)
    assert (np.diff(model.curve(frame), axis=1) >= 0).all()


def test_who_gave_notice_is_neither_learned_from_nor_scored(contracts: History) -> None:
    store = SliceStore(contracts, kind=contract_slices("leave"))
    day = TODAY - timedelta(days=60)
    whole = contract_frame(contracts.as_of(day))
    noticed = {row["account_id"] for row in whole.to_pylist() if row["under_notice"] == 1}
    open_ones = set(store.frame(day)["account_id"].to_pylist())
    assert noticed
    assert open_ones == set(whole["account_id"].to_pylist()) - noticed


def test_both_routes_are_found(contracts: History) -> None:
    assert find_routes(contracts.as_of(TODAY)) == ["non_contractual", "contractual"]


def test_customers_with_contracts_are_not_in_the_other_route(contracts: History) -> None:
    assert SliceStore(contracts).frame(TODAY)["account_id"].to_pylist() == ["buyer"]


def test_a_wish_that_cannot_be_met_is_told(lake: Path, contracts: History) -> None:
    for arguments, error in (
        (["clv", "--route", "contractual", "--horizon-days", "90"], UsageError),
        (["churn", "--route", "non_contractual", "--unit", "subscription"], UsageError),
    ):
        result = _run("train", *arguments, "--as-of", TODAY.isoformat(), folder=lake)
        assert isinstance(result.exception, error)


def test_a_company_without_contracts_is_told_so(history: History) -> None:
    kind = contract_slices("leave")
    with pytest.raises(NotEnoughHistoryError, match="no contract line known"):
        kind.find_first_day(history.as_of(LAST))


def test_lines_have_a_model_of_their_own_name() -> None:
    spec = find_spec("churn", route="contractual", per="subscription")
    assert (spec.name, spec.per) == ("churn_subscription", "subscription")


def test_history_starts_where_ends_are_on_record(tmp_path: Path) -> None:
    begun = change("new", START), change("expansion", date(2021, 3, 1))
    found = snapshot_of(tmp_path, DAY, subscriptions=[sub()], subscription_changes=begun)
    assert find_first_contract_day(found) == date(2021, 3, 1)


@pytest.mark.parametrize(("kind", "lag_days"), [("notice", 0), ("nonrenewal", 60)])
def test_without_notices_a_decision_shows_a_notice_period_later(
    tmp_path: Path, kind: str, lag_days: int
) -> None:
    gone = change(kind, date(2021, 3, 1))
    found = snapshot_of(tmp_path, DAY, subscriptions=[sub(**TERM)], subscription_changes=[gone])
    assert find_reporting_lag(found) == lag_days


def test_a_silent_export_is_refused(tmp_path: Path) -> None:
    made = snapshot_of(tmp_path, DAY, subscriptions=[sub()],
                       subscription_changes=[change("new", START)])  # fmt: skip
    with pytest.raises(DataError, match="the silence would read as loyalty"):
        check_current(made, contract_slices("leave"))


def test_help_names_routes_and_units() -> None:
    from training.cli import app

    shown = CliRunner().invoke(app, ["train", "--help"]).stdout
    assert all(word in shown for word in ("--route", "--unit", "--accept-alarm"))
