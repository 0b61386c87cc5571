"""When an issued chance of a deal is ripe, that it is judged once, and how right chances were."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ledger.deal_outcomes import (
    DealOutcome,
    read_ended_runs,
    read_issued_chances,
    write_deal_outcomes,
)
from ledger.deal_record import DealRecord, read_deal_record
from ledger.engine import Ledger
from lifecycle.errors import ConflictError
from tests.ledger.deal_story import deal, deal_outcome, deal_release, publish_deals
from tests.ledger.story import DAY

END = date(2012, 1, 1)


def issued(ledger: Ledger, known_on: date = END) -> list[tuple[int, str, float]]:
    return [
        (run.run_id, one.opportunity_id, one.chance)
        for run in read_ended_runs(ledger, known_on=known_on)
        for one in read_issued_chances(ledger, run)
    ]


def records(ledger: Ledger) -> dict[str, DealRecord]:
    return {one.model_version: one for one in read_deal_record(ledger)}


@pytest.mark.parametrize(("day", "count"), [(END, 1), (END - timedelta(days=1), 0)])
def test_a_chance_is_ripe_when_its_quarter_has_ended(ledger: Ledger, day: date, count: int) -> None:
    deal_release(ledger)
    publish_deals(ledger, [deal("O1")])
    assert len(issued(ledger, day)) == count


def test_a_chance_of_no_quarter_is_never_judged(ledger: Ledger) -> None:
    deal_release(ledger)
    publish_deals(ledger, [deal("O1", p_win_quarter=None)])
    assert issued(ledger) == []


def test_a_chance_is_judged_once_and_what_was_written_stays(ledger: Ledger) -> None:
    deal_release(ledger)
    run_id = publish_deals(ledger, [deal("O1"), deal("O2")])
    write_deal_outcomes(ledger, [deal_outcome(run_id, "O1")])
    assert [name for _, name, _ in issued(ledger)] == ["O2"]
    with pytest.raises(ConflictError):
        write_deal_outcomes(ledger, [deal_outcome(run_id, "O1", won=True)])
    assert records(ledger)["all"].wins_count == 0


def test_of_two_refreshes_of_a_day_the_first_is_judged(ledger: Ledger) -> None:
    deal_release(ledger)
    first = publish_deals(ledger, [deal("O1", 0.1)])
    publish_deals(ledger, [deal("O1", 0.9)])
    assert issued(ledger)[0] == (first, "O1", 0.1)
    write_deal_outcomes(ledger, [deal_outcome(first, "O1")])
    assert issued(ledger) == []


def _judge(ledger: Ledger, run_id: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    chance = np.round(rng.random(count), 2)  # ties on purpose
    won = rng.random(count) < chance
    pairs = zip(chance.tolist(), won.tolist(), strict=True)
    rows = [deal_outcome(run_id, f"O{i}", chance=p, won=y) for i, (p, y) in enumerate(pairs)]
    write_deal_outcomes(ledger, rows)
    return chance, won


def test_the_record_agrees_with_the_usual_definitions(ledger: Ledger) -> None:
    deal_release(ledger)
    chance, won = _judge(ledger, publish_deals(ledger, [deal("O1")]))
    found, rate = records(ledger)["all"], won.mean()
    assert found.brier == pytest.approx(np.mean((chance - won) ** 2), abs=1e-12)
    assert found.brier_base == pytest.approx(rate * (1 - rate))
    assert found.brier_skill == pytest.approx(1 - found.brier / found.brier_base)
    assert found.auc == pytest.approx(roc_auc_score(won, chance), abs=1e-12)
    assert found.expected_to_won == pytest.approx(chance.sum() / won.sum())
    assert sum(one.n for one in found.bins) == found.n == found.deals_count == 300


def test_every_model_version_has_its_own_record(ledger: Ledger) -> None:
    deal_release(ledger, "d1")
    old = publish_deals(ledger, [deal("O1")])
    deal_release(ledger, "d2")
    new = publish_deals(ledger, [deal("O1")], day=DAY + timedelta(days=1))
    later = {"as_of": DAY + timedelta(days=1), "release_id": 2}
    rows = [deal_outcome(old, "O1", won=True), deal_outcome(new, "O1", won=True, **later)]
    write_deal_outcomes(ledger, rows)
    found = [(one.model_version, one.n, one.deals_count) for one in read_deal_record(ledger)]
    assert found == [("all", 2, 1), ("d2", 1, 1), ("d1", 1, 1)]


def test_deals_closed_in_bulk_are_counted_and_judge_nothing(ledger: Ledger) -> None:
    deal_release(ledger)
    run_id = publish_deals(ledger, [deal("O1")])
    told: list[DealOutcome] = [
        deal_outcome(run_id, "O1", won=True),
        deal_outcome(run_id, "O2", won=None),
    ]
    write_deal_outcomes(ledger, told)
    found = records(ledger)["all"]
    assert (found.n, found.wins_count, found.left_out_count) == (1, 1, 1)
    assert (found.brier_skill, found.auc) == (None, None)


def test_one_deals_many_chances_do_not_narrow_the_interval(ledger: Ledger) -> None:
    deal_release(ledger)
    run_id = publish_deals(ledger, [deal("O1")])
    days = [DAY - timedelta(days=i) for i in range(50)]
    write_deal_outcomes(ledger, [deal_outcome(run_id, "O1", as_of=day) for day in days])
    found = records(ledger)["all"]
    assert (found.n, found.deals_count, found.days_count) == (50, 1, 50)
    assert found.win_rate_high > 0.7


def test_before_the_first_quarter_is_judged_there_is_no_record(ledger: Ledger) -> None:
    assert read_deal_record(ledger) == []
