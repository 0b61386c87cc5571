"""Reasons of contracts are put so that a person understands them without the column's name."""

import numpy as np
import pyarrow as pa
import pytest

from features.contract_columns import CONTRACT_COLUMNS
from models.base import Explanation
from models.contract.telling import GROUPS, label_of, put_plainly
from models.reasons import tell_reasons

LABELS = {column.name: label_of(column) for column in CONTRACT_COLUMNS}


def reason(group, column, cells):
    """The first account's reason where one group moves it and no other."""
    parts = np.zeros((len(cells), len(GROUPS)))
    parts[0, GROUPS.index(group)] = 0.7
    why = Explanation(0.0, GROUPS, parts, "logit", route="contractual")
    frame = pa.table({column: cells, "segment": ["mid"] * len(cells)})
    return tell_reasons(why, frame, unit="probability")[0][0]


def test_no_label_speaks_of_a_log_ratio():
    assert not [name for name, label in LABELS.items() if "log-ratio" in label or "28d" in label]


@pytest.mark.parametrize("words", ["that answer", "of them", "the same", "their amount"])
def test_no_label_points_at_another_one(words):
    assert not [name for name, label in LABELS.items() if words in label]


def test_a_fall_in_use_is_told_in_percent():
    told = reason("trend", "events_84d_364d_log", [-0.43, 0.0, 0.0, 0.1, 0.0, 0.0])
    assert told["label"] == "events a week, last 84 days against 364: change in percent"
    assert (told["value"], told["peer_median"]) == (-34.9, 0.0)


@pytest.mark.parametrize("ratio", [705.0, 710.0, 1e6, 1e308])
def test_a_change_beyond_all_numbers_is_told_without_one(ratio):
    value, usual = put_plainly(("events_84d_364d_log", "use", ratio, 0.0))[2:]
    assert np.isnan(value)
    assert usual == 0.0
    fall = reason("trend", "events_84d_364d_log", [-ratio, 0.0, 0.0, 0.1, 0.0, 0.0])
    assert (fall["value"], fall["peer_median"]) == (-100.0, 0.0)


def test_a_deadline_of_no_calendar_is_not_told_in_words():
    told = reason("renewal", "renewal_days", [-1e300, 90.0, 80.0, 70.0, 100.0])
    assert (told["label"], told["value"]) == ("days to the next renewal", -1e300)


def test_a_deadline_that_has_passed_says_how_long_ago():
    told = reason("renewal", "notice_deadline_days", [-76.0, 90.0, 80.0, 70.0, 100.0])
    assert told["label"] == "the notice deadline of the next renewal passed 76 days ago"


def test_a_deadline_ahead_keeps_its_label():
    told = ("notice_deadline_days", LABELS["notice_deadline_days"], 12.0, 80.0)
    assert put_plainly(told) == told


def test_a_part_of_a_risk_is_in_log_odds():
    told = reason("billing", "late_365d_count", [4.0, 0.0, 0.0, 1.0, 0.0])
    assert told["contribution_unit"] == "log_odds"


def test_a_part_of_a_value_is_in_minor_units():
    groups = ("contract",)
    why = Explanation(
        0.0, groups, np.array([[500.0], [0], [0], [0], [0]]), "identity", route="contractual"
    )
    frame = pa.table({"mrr_minor": [900.0, 100.0, 100.0, 100.0, 100.0]})
    assert tell_reasons(why, frame, unit="minor")[0][0]["contribution_unit"] == "minor"
