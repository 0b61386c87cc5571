"""Reasons: few, weighty, compared with peers, and never made of crumbs."""

import numpy as np
import pyarrow as pa
import pytest

from models.base import Explanation
from models.baselines import RunRate
from models.churn import LapseModel
from models.reasons import GROUPS, build_reasons, group_of, sum_groups
from tests.models.pastdays import Company, monthly


class Told:
    """A model that says what the test tells it."""

    unit = "probability"

    def __init__(self, rows, link="logit"):
        self.rows, self.link = np.array(rows), link

    def explain(self, frame):
        return Explanation(0.0, GROUPS[: self.rows.shape[1]], self.rows, self.link)


@pytest.fixture(scope="module")
def company():
    return Company(customers=60)


@pytest.fixture(scope="module")
def frame(company):
    return company.frame(400)[0]


def unlike_peers(frame, *parts):
    """A model that moves the first account only."""
    rows = np.zeros((frame.num_rows, len(parts)))
    rows[0] = parts
    return Told(rows)


def put(frame, name, row, value):
    """The frame with one cell changed."""
    cells = frame.column(name).to_numpy().copy()
    cells[row] = value
    return frame.set_column(frame.column_names.index(name), name, pa.array(cells))


def test_what_is_true_of_all_peers_explains_nobody(frame):
    everybody = np.full((frame.num_rows, 2), 0.8)
    assert build_reasons(Told(everybody), frame) == [[]] * frame.num_rows


def test_a_column_in_which_the_account_differs_is_shown(frame):
    usual = pa.array(np.full(frame.num_rows, 3.0))
    place = frame.column_names.index("purchase_days_365d_count")
    same = frame.set_column(place, "purchase_days_365d_count", usual)
    told = unlike_peers(same, 0.0, 0.0, 0.5)
    assert build_reasons(told, same)[0][0]["column"] != "purchase_days_365d_count"


def test_three_raise_and_one_lowers(frame):
    row = frame.num_rows - 1
    for name in ("spend_90d_of_365d_share", "products_mean_count", "credit_share", "tenure_days"):
        frame = put(frame, name, row, 1e6)
    frame = put(frame, "country_spend_share", row, 1e6)
    told = Told(np.zeros((frame.num_rows, len(GROUPS))))
    told.rows[row, 4:] = [0.5, 0.4, -0.7, 0.3, 0.0, 0.2]
    reasons = build_reasons(told, frame)[row]
    assert [r["group"] for r in reasons] == ["trend", "breadth", "tenure", "credits"]
    assert [r["direction"] for r in reasons] == ["raises"] * 3 + ["lowers"]


@pytest.mark.parametrize(("days", "shown"), [(1.0, []), (9e5, ["recency"])])
def test_a_fresh_purchase_is_never_a_reason_for_risk(frame, days, shown):
    told = unlike_peers(frame, 0.5)
    reasons = build_reasons(told, put(frame, "recency_days", 0, days))[0]
    assert [r["group"] for r in reasons] == shown


def test_for_value_the_same_silence_lowers(frame):
    told = unlike_peers(frame, -0.5)
    told.unit, told.link = "minor", "log"
    reasons = build_reasons(told, put(frame, "recency_days", 0, 9e5))[0]
    assert [(r["group"], r["direction"]) for r in reasons] == [("recency", "lowers")]


def test_crumbs_are_hidden(frame):
    assert build_reasons(Told([[0.09, -0.09]]), frame.slice(0, 1)) == [[]]


def test_peers_are_of_the_same_segment(frame):
    reason = build_reasons(unlike_peers(frame, 0.5), frame)[0][0]
    first = frame.column("segment")[0].as_py()
    same = np.array(frame.column("segment").to_pylist()) == first
    assert reason["peer_median"] == np.median(frame.column("recency_days").to_numpy()[same])
    assert reason["value"] == frame.column("recency_days")[0].as_py()


def test_actionable_is_that_of_the_column_shown(frame):
    reasons = build_reasons(unlike_peers(frame, 0.5, 0.0, 0.0, 0.4), frame)[0]
    assert [(r["column"], r["actionable"]) for r in reasons] == [
        ("recency_days", True),
        ("spend_365d_minor", True),
    ]


def test_money_parts_are_judged_by_their_own_size(company, frame):
    model = RunRate(365).fit(company.examples([400]))
    reasons = build_reasons(model, frame)
    assert {r["group"] for row in reasons for r in row} == {"money"}


def test_column_parts_are_summed_into_groups():
    summed = sum_groups(["gap_mean_days", "overdue_ratio", "T"], np.array([[1.0, 2.0, 4.0]]))
    assert summed[0, GROUPS.index("timing")] == 3.0
    assert summed[0, GROUPS.index("tenure")] == 4.0


def test_every_frame_column_has_a_group():
    assert group_of("segment") == "context"
    assert group_of("spend_same_90d_minor") == "season"


def test_reasons_of_a_fitted_model_are_plain_values(company, frame):
    model = LapseModel("logistic").fit(company.examples(monthly(), lapse=True))
    for reason in build_reasons(model, frame.slice(0, 5))[0]:
        assert isinstance(reason["contribution"], float)
        assert reason["value"] is None or isinstance(reason["value"], float)
