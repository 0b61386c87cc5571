from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.engine import Ledger
from ledger.scenarios import (
    now,
    read_scenario,
    read_scenario_runs,
    read_scenarios,
    write_scenario,
    write_scenario_run,
)
from lifecycle.errors import ConflictError, UsageError
from tests.ledger.gap_story import packed, publish_gap, scenario, scenario_run


def test_a_scenario_is_kept_with_its_reason_and_author(ledger: Ledger) -> None:
    write_scenario(ledger, scenario())
    assert read_scenario(ledger, "Acme signs") == scenario()


def test_saving_a_scenario_again_changes_nothing(ledger: Ledger) -> None:
    write_scenario(ledger, scenario())
    assert write_scenario(ledger, replace(scenario(), created_at=now())) == scenario()
    assert len(read_scenarios(ledger)) == 1


def test_a_name_is_not_given_to_another_scenario(ledger: Ledger) -> None:
    write_scenario(ledger, scenario())
    with pytest.raises(ConflictError, match="another name"):
        write_scenario(ledger, scenario(rationale="a better reason"))


def test_scenarios_are_listed_newest_first_and_by_quarter(ledger: Ledger) -> None:
    for name, period in (("a", "2012Q1"), ("b", "2012Q2"), ("c", "2012Q1")):
        write_scenario(ledger, scenario(name, period=period))
    assert [one.name for one in read_scenarios(ledger, "2012Q1")] == ["c", "a"]


def test_a_scenario_of_an_unknown_name_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="never saved"):
        read_scenario(ledger, "nobody")


def test_what_a_scenario_said_is_kept_for_each_forecast(ledger: Ledger) -> None:
    write_scenario(ledger, scenario())
    runs = [publish_gap(ledger, inputs=[packed()]) for _ in range(2)]
    for run_id in [*runs, runs[0]]:
        write_scenario_run(ledger, scenario_run(run_id))
    found = read_scenario_runs(ledger, "Acme signs")
    assert [one.forecast_run_id for one in found] == runs[::-1]
    assert found[1] == scenario_run(runs[0])
