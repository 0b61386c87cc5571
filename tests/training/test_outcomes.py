"""The decision to leave counts, on the day it falls, and only leaving altogether is leaving.

One company holds every case: an account's name says what became of it after DAY.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lifecycle.history import History, open_history
from tests.builders import Row, build_lake
from tests.features.contracts import MRR, change, merge, sub
from training.outcomes import build_live_lines, build_outcomes, build_revenue_label

DAY, KNOWN, GONE = date(2021, 6, 1), date(2022, 6, 1), date(2021, 8, 1)
TERM = {"term_ends_on": date(2021, 9, 1), "term_months": 12, "notice_days": 60}
DAILY = MRR * 12 / 365
Case = tuple[list[Row], list[Row]]


def _one(name: str, *changes: tuple[Any, ...], **line: Any) -> Case:
    told = [change(kind, day, name, account=name, **dict(*more)) for kind, day, *more in changes]
    return [sub(name, name, **{**TERM, **line})], told


def _two(name: str, *changes: tuple[Any, ...], start: date = date(2020, 1, 1)) -> Case:
    lines, told = _one(name, *changes)
    other = sub(f"{name} 2", name, start=start, known=min(start, DAY), **TERM)
    return [*lines, other], told


def _cases() -> dict[str, Case]:
    late = {"known": date(2021, 6, 9)}
    gone, second = ("midterm_cancel", GONE), "both go 2"
    both_lines, both_told = _two("both go", ("notice", date(2021, 6, 11)))
    last = change("involuntary_cancel", date(2021, 7, 1), second, account="both go")
    soon, later = GONE + timedelta(days=30), GONE + timedelta(days=31)
    return {
        "stays": _one("stays"),
        "gives notice": _one(
            "gives notice", ("notice", date(2021, 6, 21)), ("nonrenewal", date(2021, 9, 1))
        ),
        "without notice": _one("without notice", ("nonrenewal", date(2021, 9, 1))),
        "decided before": _one("decided before", ("notice", date(2021, 5, 3), late)),
        "back in time": _one("back in time", gone, ("reactivation", soon)),
        "back too late": _one("back too late", gone, ("reactivation", later)),
        "carried on": _two("carried on", gone, start=soon),
        "anew too late": _two("anew too late", gone, start=later),
        "one line goes": _two("one line goes", gone),
        "both go": (both_lines, [*both_told, last]),
        "merged": _one("merged", gone),
        "survivor": _one("survivor"),
        "free": _one("free", mrr_minor=0),
        "cut a little": _one("cut a little", ("contraction", GONE, {"after": 9_501})),
        "downgraded": _one("downgraded", ("contraction", GONE, {"after": 9_500})),
        "grows": _one(
            "grows",
            ("expansion", date(2021, 7, 1), {"after": 12_000}),
            ("expansion", GONE, {"before": 12_000, "after": 20_000}),
        ),
        "grew": _one("grew", ("expansion", date(2021, 5, 31), {"after": 12_000})),
        "grows and goes": _one(
            "grows and goes",
            ("expansion", date(2021, 6, 11), {"after": 20_000}),
            ("midterm_cancel", date(2021, 6, 21), {"before": 20_000}),
        ),
        "began within": _one("began within", ("expansion", GONE, {"before": 5_000})),
    }


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("outcomes")
    cases = _cases().values()
    build_lake(
        folder,
        subscriptions=[line for lines, _ in cases for line in lines],
        subscription_changes=[one for _, told in cases for one in told],
        account_merges=[merge("merged", "survivor", date(2021, 7, 30))],
    )
    return open_history(folder / "lake", zone=ZoneInfo("UTC"))


@pytest.fixture(scope="module")
def after(company: History) -> dict[str, dict[str, Any]]:
    held = {DAY: build_live_lines(company.as_of(DAY))}
    found = build_outcomes(company.as_of(KNOWN), [DAY], held=held)[DAY]
    return {row["account_id"]: row for row in found.to_pylist()}


@pytest.fixture(scope="module")
def paid(company: History) -> dict[str, float]:
    found = build_revenue_label(company.as_of(KNOWN), [DAY], horizon_days=365)[DAY]
    return {row["account_id"]: row["revenue_minor"] for row in found.to_pylist()}


Rows = dict[str, dict[str, Any]]


def test_a_notice_decides_on_its_day_and_ends_the_line_later(after: Rows) -> None:
    row = after["gives notice"]
    assert (row["decided_days"], row["effective_days"]) == (20.0, 92.0)
    assert (row["cause"], row["is_kept"]) == ("nonrenewal", True)


def test_a_nonrenewal_without_notice_was_decided_at_its_deadline(after: Rows) -> None:
    assert after["without notice"]["decided_days"] == 92.0 - 60.0


def test_who_stays_has_no_decision(after: Rows) -> None:
    row = after["stays"]
    assert np.isnan([row["decided_days"], row["effective_days"]]).all()
    assert (row["cause"], row["observed_days"], row["is_kept"]) == (None, 365.0, True)


def test_a_decision_before_the_day_is_not_kept(after: Rows) -> None:
    row = after["decided before"]
    assert (row["decided_days"], row["is_kept"]) == (-29.0, False)


@pytest.mark.parametrize("name", ["back too late", "anew too late"])
def test_a_gap_of_more_than_thirty_days_is_leaving(after: Rows, name: str) -> None:
    assert after[name]["decided_days"] == 61.0


@pytest.mark.parametrize("name", ["back in time", "carried on"])
def test_a_gap_of_thirty_days_is_not(after: Rows, name: str) -> None:
    assert np.isnan(after[name]["decided_days"])


def test_one_line_of_two_that_goes_is_a_contraction(after: Rows) -> None:
    row = after["one line goes"]
    assert np.isnan(row["decided_days"])
    assert row["contracted_days"] == 61.0
    assert row["contract_log_ratio"] == pytest.approx(np.log(0.5))


def test_an_account_leaves_when_its_last_line_is_decided(after: Rows) -> None:
    row = after["both go"]
    assert (row["decided_days"], row["effective_days"]) == (30.0, 92.0)
    assert row["cause"] == "involuntary"


def test_a_line_is_a_unit_of_its_own(company: History) -> None:
    rows = build_outcomes(company.as_of(KNOWN), [DAY], per="subscription")[DAY].to_pylist()
    left = {row["subscription_id"]: np.isfinite(row["decided_days"]) for row in rows}
    assert (left["one line goes"], left["one line goes 2"]) == (True, False)


def test_a_merged_account_did_not_leave(after: Rows) -> None:
    assert np.isnan([after[name]["decided_days"] for name in ("merged", "survivor")]).all()


def test_free_accounts_are_no_units(after: Rows) -> None:
    assert set(_cases()) - set(after) == {"free"}


def test_days_until_a_decision_is_on_record_are_not_observed(company: History) -> None:
    found = build_outcomes(company.as_of(KNOWN), [DAY], lag_days=60)[DAY]
    assert set(found["observed_days"].to_pylist()) == {305.0}


def test_a_downgrade_takes_five_percent_or_more(after: Rows) -> None:
    assert np.isnan(after["cut a little"]["contracted_days"])
    assert after["downgraded"]["contracted_days"] == 61.0


def test_the_first_rise_is_the_expansion(after: Rows) -> None:
    row = after["grows"]
    assert row["expanded_days"] == 30.0
    assert row["expand_log_ratio"] == pytest.approx(np.log(1.2))


def test_moves_before_the_day_are_no_outcome(after: Rows) -> None:
    assert np.isnan(after["grew"]["expanded_days"])


def test_a_year_pays_twelve_months(paid: dict[str, float]) -> None:
    assert paid["stays"] == 12.0 * MRR


def test_revenue_follows_the_moves_and_ends_with_the_line(paid: dict[str, float]) -> None:
    assert paid["grows and goes"] == np.rint(10 * DAILY + 10 * 2 * DAILY)


def test_a_history_that_begins_within_a_contract_knows_what_was_paid(
    paid: dict[str, float],
) -> None:
    assert paid["began within"] == np.rint(61 * DAILY / 2 + (365 - 61) * DAILY)


def test_a_day_without_contracts_has_no_outcome(company: History) -> None:
    early, known = date(2019, 1, 1), company.as_of(KNOWN)
    assert build_outcomes(known, [early])[early].num_rows == 0
    assert build_revenue_label(known, [early], horizon_days=30)[early].num_rows == 0
