"""The monthly hazard finds the truth, knows its deadlines, and never rises from the dead."""

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.errors import BundleError, FeatureMismatchError, ModelError, NotEnoughHistoryError
from models.base import Examples
from models.contract.hazard import MonthlyHazard
from models.contract.months import build_timing
from tests.models.contract.pastmonths import Book, true_risk


@pytest.fixture(scope="module")
def book():
    return Book(accounts=900, days=20)


@pytest.fixture(scope="module")
def hazard(book):
    return MonthlyHazard().fit(book.examples())


@pytest.fixture(scope="module")
def later(book):
    return book.at(30)


def timing(months, *, until, term):
    frame = pa.table({"notice_deadline_days": [until], "term_months": [term]})
    return build_timing(frame, np.arange(1.0, months + 1.0))[0]


def test_a_deadline_falls_in_its_month_and_again_a_term_later():
    falls = timing(24, until=45.0, term=12.0)[:, 0]
    assert np.flatnonzero(falls).tolist() == [1, 13]


def test_a_passed_deadline_comes_back_a_term_later():
    assert np.flatnonzero(timing(12, until=-10.0, term=6.0)[:, 0]).tolist() == [5, 11]


@pytest.mark.parametrize(("until", "term"), [(np.nan, np.nan), (np.nan, 12.0), (10.0, 1.0)])
def test_what_can_be_left_at_any_time_has_no_deadline(until, term):
    found = timing(12, until=until, term=term)
    assert (found[:, 0] == 0).all()
    assert (found[:, 1] == 1).all()


def test_the_level_of_the_true_risk_is_found_for_a_whole_year(hazard, later):
    frame, logits = later
    gone = 1.0 - hazard.survival(frame).mean(axis=0)
    true = [true_risk(logits, 365 / 12 * (k + 1)).mean() for k in range(12)]
    assert gone == pytest.approx(true, rel=0.12)


def test_who_is_at_risk_is_found(hazard, later):
    frame, logits = later
    gone = 1.0 - hazard.survival(frame)[:, 2]
    true = true_risk(logits, 3 * 365 / 12)
    assert np.corrcoef(np.log(gone), np.log(true))[0, 1] > 0.88


def test_survival_never_rises(hazard, later):
    alive = hazard.survival(later[0], months=36)
    assert alive.shape == (900, 36)
    assert (np.diff(alive, axis=1) <= 0).all()


def test_the_month_of_the_deadline_is_the_dangerous_one(hazard, later):
    frame = later[0].slice(0, 1)
    soon = {"notice_deadline_days": [70.0], "renewal_days": [100.0], "term_months": [12.0]}
    for name, cells in soon.items():
        frame = frame.set_column(frame.column_names.index(name), name, pa.array(cells))
    odds = hazard.log_odds(frame)[0]
    assert odds.argmax() == 2
    assert odds[2] - odds[1] > 1.5


def test_equal_examples_give_equal_bits(hazard):
    again = MonthlyHazard().fit(Book(accounts=900, days=20).examples())
    assert again.to_parts() == hazard.to_parts()


def test_a_reloaded_hazard_predicts_the_same_bits(hazard, later):
    again = MonthlyHazard.from_parts(hazard.to_parts())
    assert (again.survival(later[0]) == hazard.survival(later[0])).all()


def test_rows_may_come_in_any_order(hazard, later):
    frame = later[0]
    turned = np.arange(frame.num_rows)[::-1]
    found = hazard.survival(frame.take(turned))[turned]
    assert found == pytest.approx(hazard.survival(frame), rel=1e-12)


def test_few_decisions_are_too_few():
    with pytest.raises(NotEnoughHistoryError, match="30 or more"):
        MonthlyHazard().fit(Book(accounts=30, days=3, level=-8.0).examples())


def test_without_outcomes_there_is_no_hazard(book):
    bare = book.examples()
    with pytest.raises(ModelError, match="without outcomes"):
        MonthlyHazard().fit(Examples(bare.frame, bare.label, bare.as_of, 90))


def test_a_frame_without_the_term_is_refused(hazard, later):
    with pytest.raises(FeatureMismatchError, match="term_months"):
        hazard.survival(later[0].drop_columns(["term_months"]))


def test_a_damaged_part_is_a_bundle_error():
    with pytest.raises(BundleError):
        MonthlyHazard.from_parts({"hazard.json": b"{}"})
