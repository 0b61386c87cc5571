"""A forecast as of t is the same whatever is learnt at t or later, and whatever order rows have."""

from datetime import date

import numpy as np
import pytest

from lifecycle.periods import Quarter
from models.forecast.quarter import forecast_quarter
from tests.builders import noon
from tests.models.forecast.company import history_of, wavy_orders

AS_OF = date(2011, 2, 7)
QUARTER = Quarter(2011, 1, 12)
FACTS = wavy_orders(520)


def is_known(row):
    return row["known_at"] < noon(AS_OF).replace(hour=0)


def without_the_future(rows):
    return [row for row in rows if is_known(row)]


def with_a_shuffled_future(rows):
    amounts = [1000 * row["amount_minor"] for row in rows if not is_known(row)]
    drawn = iter(np.random.default_rng(7).permutation(amounts).tolist())
    return [row if is_known(row) else {**row, "amount_minor": next(drawn)} for row in rows]


def with_back_dated_facts(rows):
    late = [
        {**row, "order_id": f"late-{row['order_id']}", "known_at": noon(AS_OF)}
        for row in rows
        if is_known(row)
    ]
    return rows + late


def with_shuffled_rows(rows):
    return [rows[at] for at in np.random.default_rng(3).permutation(len(rows))]


CHANGES = [without_the_future, with_a_shuffled_future, with_back_dated_facts]


def honestly(history):
    return history.as_of(AS_OF)


def with_hindsight(history):
    """The planted leak: the facts as they stand long after the day we claim to stand on."""
    return history.as_of(date(2012, 1, 1))


def forecast(folder, rows, seen=honestly):
    return forecast_quarter(seen(history_of(folder, rows)), QUARTER)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return forecast(tmp_path_factory.mktemp("honest"), FACTS)


@pytest.mark.parametrize("change", [*CHANGES, with_shuffled_rows])
def test_the_forecast_does_not_change(tmp_path, honest, change):
    assert forecast(tmp_path, change(FACTS)) == honest


@pytest.mark.parametrize("change", CHANGES)
def test_a_planted_leak_is_found(tmp_path, change):
    first = forecast(tmp_path / "a", FACTS, with_hindsight)
    assert forecast(tmp_path / "b", change(FACTS), with_hindsight) != first
