"""The whole walk from an export to an answered request, by the commands a user types."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from ledger.engine import open_ledger
from ledger.keys import KeyRequest, create_key, load_pepper
from ledger.releases import read_champion
from lifecycle.settings import load_settings
from service.app import create_app
from service.deps import Options
from service.permissions import load_permissions
from tests.flows.company import AS_OF, MAPPING, write_orders
from truecast import main

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    """A data directory on which ingest, train, backtest and refresh have run."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "orders.toml").write_text(MAPPING)
    orders = write_orders(folder)
    where = ["--data-dir", str(folder / "data")]
    day = ["--as-of", AS_OF, *where]
    for step in (
        ["ingest", str(orders), "--mapping", str(folder / "orders.toml"), *where],
        ["train", "churn", *day],
        ["train", "clv", "--horizon-days", "90", *day],
        ["backtest", "--quarters", "4", *day],
        ["refresh", *day],
    ):
        assert main(step) == 0, step
    return folder / "data"


@pytest.fixture(scope="module")
def client(data_dir) -> TestClient:
    """An authorised client of the service over that directory."""
    settings = load_settings(data_dir)
    ledger = open_ledger(settings.ledger_address)
    wanted = KeyRequest(
        role="reader", scopes=load_permissions().roles["reader"].scopes, label="test"
    )
    key, _ = create_key(ledger, load_pepper(data_dir), wanted)
    app = create_app(settings.ledger_address, Options(data_dir, stale_after_days=36500))
    return TestClient(app, headers={"Authorization": f"Bearer {key}"})


def test_the_list_ranks_by_expected_loss(client):
    rows = client.get("/v1/at-risk?status=at_risk&limit=200").json()["accounts"]
    losses = [row["expected_loss_minor"] for row in rows]
    assert len(rows) > 10
    assert losses == sorted(losses, reverse=True)
    assert all(0 <= row["risk"] <= 1 for row in rows)


def test_an_accounts_answer_carries_reasons_for_the_score(client):
    account = client.get("/v1/at-risk?limit=1").json()["accounts"][0]["account_id"]
    answer = client.get(f"/v1/accounts/{account}")
    assert answer.status_code == 200
    assert "reasons" in answer.text


def test_the_quarters_parts_add_up_to_its_mean(client):
    total = client.get("/v1/forecasts/2020Q2").json()["total"]
    assert total["p10_minor"] <= total["p50_minor"] <= total["p90_minor"]
    assert sum(total["parts"].values()) == pytest.approx(total["mean_minor"], abs=1)


def test_accuracy_is_shown_beside_the_baselines(client):
    answer = client.get("/v1/accuracy")
    assert answer.status_code == 200
    assert "last_quarter" in answer.text


def test_a_score_file_says_who_scored_and_when(data_dir, tmp_path):
    out = tmp_path / "churn.csv"
    assert main(_score("churn", data_dir, out)) == 0
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    assert {"id", "value", "unit", "rank", "band", "reasons", "model_version"} <= set(rows[0])
    assert isinstance(json.loads(rows[0]["reasons"]), list)


def test_parquet_and_csv_hold_the_same_scores(data_dir, tmp_path):
    assert main(_score("clv", data_dir, tmp_path / "clv.parquet")) == 0
    assert main(_score("clv", data_dir, tmp_path / "clv.csv")) == 0
    table = pq.read_table(tmp_path / "clv.parquet").to_pylist()
    with (tmp_path / "clv.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["value"]) for row in rows] == [row["value"] for row in table]
    assert {row["currency"] for row in rows} == {"USD"}


def test_a_forecast_file_names_the_served_leg(data_dir, tmp_path):
    out = tmp_path / "quarter.csv"
    command = ["forecast", "--as-of", AS_OF, "--out", str(out), "--data-dir", str(data_dir)]
    assert main(command) == 0
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    served = [row for row in rows if row["served"] == "True" and row["node"] == "total"]
    assert [row["period"] for row in served] == ["2020Q2", "2020Q3"]


def test_a_day_before_every_training_is_refused_as_hindsight(data_dir, tmp_path, capsys):
    command = ["score", "churn", "--as-of", "2020-03-01", "--out", str(tmp_path / "s.csv")]
    assert main([*command, "--data-dir", str(data_dir)]) == 3
    assert "know the future" in capsys.readouterr().err


def test_a_model_of_an_earlier_day_unseats_no_later_one(data_dir, tmp_path):
    where = ["--data-dir", str(data_dir)]
    assert main(["train", "churn", "--as-of", "2020-03-01", *where]) == 0
    ledger = open_ledger(load_settings(data_dir).ledger_address)
    assert str(read_champion(ledger, "churn", horizon_days=90).as_of) == AS_OF
    asked = ["score", "churn", "--as-of", "2020-04-01", "--out", str(tmp_path / "s.csv")]
    assert main([*asked, *where]) == 0
    assert "churn-90-20200301" in (tmp_path / "s.csv").read_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nonsense"], 2),
        (["score", "churn"], 2),
        (["score", "churn", "--as-of", AS_OF, "--out", "x.csv", "--nope"], 2),
        (["score", "churn", "--as-of", "soon", "--out", "x.csv"], 2),
        (["score", "churn", "--as-of", AS_OF, "--out", "x.xls"], 2),
        (["score", "pigs", "--as-of", AS_OF, "--out", "x.csv"], 5),
        (["forecast", "--as-of", AS_OF, "--period", "2020Q9", "--out", "x.csv"], 2),
        (["train", "churn", "--as-of", "2018-02-01"], 4),
        (["train", "churn", "--as-of", "2020-12-01"], 4),
        (["backtest", "--as-of", "2021-12-01"], 4),
        (["train", "churn", "--as-of", "2999-01-01"], 2),
    ],
)
def test_a_wrong_command_ends_in_one_line_and_its_code(data_dir, words, code, capsys):
    where = [] if words == ["nonsense"] else ["--data-dir", str(data_dir)]
    assert main([*words, *where]) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(lines) == 1


def test_a_score_file_is_over_the_usual_horizon_whatever_else_is_released(data_dir, tmp_path):
    where = ["--data-dir", str(data_dir)]
    assert main(["train", "churn", "--horizon-days", "7", "--as-of", AS_OF, *where]) == 0
    assert main(_score("churn", data_dir, tmp_path / "s.csv")) == 0
    assert "churn-90-" in (tmp_path / "s.csv").read_text()


@pytest.mark.parametrize("words", [["refresh", "--as-of", AS_OF], ["models"]])
def test_a_slip_in_the_folders_name_makes_no_folder(tmp_path, words, capsys):
    assert main([*words, "--data-dir", str(tmp_path / "slip")]) == 2
    assert "no data directory" in capsys.readouterr().err
    assert not (tmp_path / "slip").exists()


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("ingest", "train", "score", "serve", "demo"))


def _score(model: str, data_dir: Path, out: Path) -> list[str]:
    return ["score", model, "--as-of", AS_OF, "--out", str(out), "--data-dir", str(data_dir)]
