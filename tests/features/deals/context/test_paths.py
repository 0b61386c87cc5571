from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.deals.facts import DealFacts, Rows
from features.deals.paths import build_path_columns
from lifecycle.snapshot import Snapshot
from tests.builders import Row, noon
from tests.features.deals.context.company import DAY, ago, closed, deal, look, many, opened
from tests.features.deals.context.company import snapshot_of as stand


def build(facts: DealFacts, rows: Rows, _: Snapshot) -> dict[str, Any]:
    return build_path_columns(facts, rows)


def path_of(folder: Path, deals: list[Row]) -> dict[str, Any]:
    """The path's columns of the deal called x."""
    return look(stand(folder, DAY, opportunities=deals), build)["x"]


def walked(name: str, stages: str, outcome: str) -> list[Row]:
    """A deal that took stages, a letter each, ten days apart, and was closed 100 days ago."""
    steps = [deal(name, ago(300 - 10 * n), stage=stage) for n, stage in enumerate(stages)]
    end = {"outcome": outcome, "closed_at": noon(ago(100)), "stage": outcome}
    return [*steps, *([] if outcome == "open" else [deal(name, ago(100), **end)])]


def test_the_log_odds_of_a_path_are_the_sum_of_its_steps(tmp_path: Path) -> None:
    learned = [*walked("w", "abc", "won"), *walked("l", "acb", "lost"), *walked("m", "ab", "lost")]
    found = path_of(tmp_path, [*learned, *walked("x", "abc", "open")])
    # counts + 1 over all steps somebody took: a>b 2 of 3 won, 2 of 4 lost; b>c 2 of 2, 1 of 1
    assert found["path_log_odds"] == pytest.approx(log(2 / 3) - log(2 / 4))


def test_a_step_that_no_closed_deal_took_says_nothing(tmp_path: Path) -> None:
    learned = [*walked("w", "ab", "won"), *walked("l", "ab", "lost")]
    assert path_of(tmp_path, [*learned, *walked("x", "az", "open")])["path_log_odds"] == 0


def test_without_a_won_and_a_lost_deal_no_path_is_likelier(tmp_path: Path) -> None:
    found = path_of(tmp_path, [*walked("w", "ab", "won"), *walked("x", "ab", "open")])
    assert np.isnan(found["path_log_odds"])


def test_the_step_into_the_close_teaches_nothing(tmp_path: Path) -> None:
    learned = [*walked("w", "ab", "won"), *walked("l", "ab", "lost")]
    back = walked("x", "a", "lost")
    back += [deal("x", ago(50), stage="a")]  # taken up again: its path holds the step to "lost"
    assert path_of(tmp_path, [*learned, *back])["path_log_odds"] == 0


def test_these_weeks_are_held_against_the_year(tmp_path: Path) -> None:
    recent = [row for n in range(4) for row in closed(f"r{n}", "won", ago(56))]
    old = closed("old", "won", ago(57))
    found = path_of(tmp_path, [opened("x"), *many("wlll"), *recent, *old])
    usual = 6 / 9
    assert found["win_share_8w"] == pytest.approx((4 + 20 * usual) / 24 / usual)


def test_without_wins_in_a_year_these_weeks_say_nothing(tmp_path: Path) -> None:
    assert np.isnan(path_of(tmp_path, [opened("x"), *many("lll")])["win_share_8w"])
