from __future__ import annotations

from typing import Any

import pytest

from lifecycle.errors import UsageError
from models.forecast.whatif import Change, join


@pytest.mark.parametrize(
    "changed",
    [
        {"outcomes": {"D1": "maybe"}},
        {"shocks": {"weather": 1.0}},
        {"shocks": {"win": float("nan")}},
        {"stage_log_odds": {"demo": float("inf")}},
        {"unit_log_odds": {"D1": float("nan")}},
        {"amounts_minor": {"D1": -1.0}},
        {"saved": frozenset({"A1"}), "leaving": frozenset({"A1"})},
        {"contraction": -1.0},
        {"extra_pipeline_minor": -1.0},
        {"creation_factor": -0.1},
    ],
)
def test_a_change_that_no_quarter_could_bring_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="correct the change"):
        Change(**changed)


def test_two_changes_at_once_build_up() -> None:
    first = Change(stage_log_odds={"demo": 0.1}, extra_pipeline_minor=5.0, creation_factor=1.5)
    second = Change(stage_log_odds={"demo": 0.2, "offer": 0.3}, extra_pipeline_minor=1.0)
    both = join(first, second)
    assert both.stage_log_odds == pytest.approx({"demo": 0.3, "offer": 0.3})
    assert (both.extra_pipeline_minor, both.creation_factor) == (6.0, 1.5)


def test_of_two_facts_about_one_deal_the_second_holds() -> None:
    both = join(Change(outcomes={"D1": "won"}), Change(outcomes={"D1": "lost"}))
    assert both.outcomes == {"D1": "lost"}


def test_joining_nothing_changes_nothing() -> None:
    change = Change(outcomes={"D1": "won"}, shocks={"win": 0.2}, saved=frozenset({"A"}))
    assert join(Change(), change) == join(change, Change()) == change


def test_a_change_names_its_deals() -> None:
    change = Change(unit_log_odds={"A": 0.1}, outcomes={"B": "won"}, amounts_minor={"C": 1.0})
    assert change.units == {"A", "B", "C"}


def test_an_account_that_is_lost_after_all_is_not_saved() -> None:
    both = join(Change(saved=frozenset({"A", "B"})), Change(leaving=frozenset({"A"})))
    assert (both.saved, both.leaving) == ({"B"}, {"A"})
