from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.engine import Ledger
from ledger.runs import publish_run
from ledger.scores import write_scores
from ledger.views import (
    AtRiskFilters,
    AtRiskSort,
    Position,
    read_at_risk,
    read_at_risk_account,
    write_at_risk,
)
from tests.ledger.story import (
    at_risk,
    contract,
    new_run,
    publish_scores,
    release,
    score,
)


def _publish(ledger: Ledger, rows: list) -> None:
    run_id = new_run(ledger)
    write_scores(ledger, run_id, [score("A0", release(ledger))])
    write_at_risk(ledger, run_id, rows)
    publish_run(ledger, run_id)


def _walk(ledger: Ledger, sort: AtRiskSort, limit: int, between=lambda: None) -> list[str]:
    seen: list[str] = []
    cursor: Position | None = None
    while True:
        page = read_at_risk(ledger, AtRiskFilters(), sort=sort, cursor=cursor, limit=limit)
        assert page is not None
        seen += [row.account_id for row in page.rows]
        cursor = page.following
        if cursor is None:
            return seen
        between()


def test_there_is_no_list_before_the_first_run(ledger: Ledger) -> None:
    assert read_at_risk(ledger, AtRiskFilters()) is None


@pytest.mark.parametrize("sort", list(AtRiskSort))
def test_pages_give_each_account_once_in_every_order(ledger: Ledger, sort: AtRiskSort) -> None:
    names = [f"A{i}" for i in range(20)]
    _publish(ledger, [at_risk(name, float(i % 4)) for i, name in enumerate(names)])
    assert sorted(_walk(ledger, sort, 3)) == sorted(names)


def test_pages_keep_to_their_run_while_others_are_published(ledger: Ledger) -> None:
    release_id = release(ledger)
    names = [f"A{i:03d}" for i in range(30)]
    publish_scores(ledger, release_id, names)
    extra = iter(range(1000))

    def refresh() -> None:
        publish_scores(ledger, release_id, [f"N{next(extra)}", *names[::-1]])

    assert sorted(_walk(ledger, AtRiskSort.expected_loss, 4, refresh)) == names


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(losses=st.lists(st.floats(0, 1e9), min_size=1, max_size=12), limit=st.integers(1, 5))
def test_losses_fall_along_the_pages(ledger: Ledger, losses: list[float], limit: int) -> None:
    _publish(ledger, [at_risk(f"A{i}", loss) for i, loss in enumerate(losses)])
    walked = _walk(ledger, AtRiskSort.expected_loss, limit)
    assert [losses[int(name[1:])] for name in walked] == sorted(losses, reverse=True)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (AtRiskFilters(segment="Europe"), ["E"]),
        (AtRiskFilters(status="lapsed"), ["L"]),
        (AtRiskFilters(min_risk=0.5), ["R"]),
        (AtRiskFilters(min_value_minor=1000.0), ["V"]),
        (AtRiskFilters(owner_id="o1", band="high"), ["O"]),
        (AtRiskFilters(country="x' OR 1=1 --"), []),
    ],
)
def test_filters_choose(ledger: Ledger, filters: AtRiskFilters, names: list[str]) -> None:
    _publish(
        ledger,
        [
            at_risk("E", segment="Europe"),
            at_risk("L", status="lapsed"),
            at_risk("O", owner_id="o1", band="high"),
            at_risk("R", risk=0.5),
            at_risk("V", value_if_kept_minor=1000.0),
        ],
    )
    page = read_at_risk(ledger, filters)
    assert page is not None
    assert [row.account_id for row in page.rows] == names


@pytest.mark.parametrize("sort", list(AtRiskSort))
def test_pages_of_both_routes_give_each_account_once(ledger: Ledger, sort: AtRiskSort) -> None:
    rows = [at_risk(f"A{i}") for i in range(7)]
    rows += [contract(f"C{i}", days_to_act=None if i % 2 else i // 3) for i in range(11)]
    _publish(ledger, rows)
    walked = _walk(ledger, sort, 2)
    assert sorted(walked) == sorted(row.account_id for row in rows)


def test_who_has_least_time_left_comes_first(ledger: Ledger) -> None:
    days = {"C1": 40, "C2": None, "C3": 2, "C4": 0}
    rows = [contract(name, days_to_act=left) for name, left in days.items()]
    _publish(ledger, [*rows, at_risk("A1")])
    assert _walk(ledger, AtRiskSort.days_to_act, 2) == ["C4", "C3", "C1", "A1", "C2"]


def test_a_contract_comes_back_as_it_was_written(ledger: Ledger) -> None:
    row = contract("C1", treatment="held_out")
    _publish(ledger, [row])
    assert read_at_risk_account(ledger, "C1") == row


def test_one_account_can_be_read(ledger: Ledger) -> None:
    row = at_risk("A1")
    _publish(ledger, [row])
    assert read_at_risk_account(ledger, "A1") == row
    assert read_at_risk_account(ledger, "A2") is None


def test_array_scalars_are_kept_as_numbers(ledger: Ledger) -> None:
    _publish(ledger, [at_risk("A1", rank=np.int64(7), risk=np.float64(0.5))])
    row = read_at_risk_account(ledger, "A1")
    assert row is not None
    assert (row.rank, row.risk) == (7, 0.5)
