"""The door: one command, one banner, and no mixing with other facts."""

import json

import pytest

import truecast
from lifecycle.settings import load_settings
from tests.builders import build_lake, order

SMALL = ["--preset", "tiny", "--accounts", "30", "--months", "6"]


@pytest.fixture
def run(tmp_path, capsys):
    def go(*options, folder="data"):
        code = truecast.main(["world", *SMALL, "--data-dir", str(tmp_path / folder), *options])
        return code, *capsys.readouterr()

    return go


def test_people_are_told_that_it_is_made_up(run):
    code, out, _ = run()
    assert code == 0
    assert "SYNTHETIC" in out
    assert "usage" in out


def test_the_settings_say_so_too(run, tmp_path):
    run()
    settings = load_settings(tmp_path / "data")
    assert settings.synthetic
    assert (settings.currency, settings.timezone, settings.fiscal_year_start_month) == (
        "USD", "UTC", 1,
    )  # fmt: skip


def test_machines_get_figures_and_the_second_time_a_repeat(run):
    first, second = (json.loads(run("--json")[1]) for _ in range(2))
    assert first["synthetic"] is True
    assert first["tables"]["usage"] > 0
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert first["batch_id"] == second["batch_id"]


def test_another_world_is_refused(run):
    run()
    code, _, err = run("--seed", "9")
    assert code == 3
    assert "holds other facts" in err


def test_real_facts_are_never_mixed_with_a_world(run, tmp_path):
    build_lake(tmp_path / "real", orders=[order()])
    code, _, err = run(folder="real")
    assert code == 3
    assert "holds other facts" in err


def test_settings_of_a_real_company_are_refused(run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "truecast.toml").write_text('currency = "GBP"\n')
    code, _, err = run()
    assert code == 3
    assert "real company" in err


def test_truth_never_lies_among_the_facts(run, tmp_path):
    code, _, err = run("--truth-dir", str(tmp_path / "data" / "truth"))
    assert code == 3
    assert "outside" in err


def test_a_world_that_is_unknown_is_a_usage_error(run):
    assert run("--variant", "nonsense")[0] == 2
