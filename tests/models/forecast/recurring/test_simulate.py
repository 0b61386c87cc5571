from dataclasses import replace

import numpy as np
import pytest

from lifecycle.errors import DataError
from models.forecast.recurring.inputs import RENEWAL, RecurringInputs
from models.forecast.recurring.simulate import simulate_recurring
from models.forecast.whatif import Change
from tests.models.forecast.recurring.company import QUARTER, company


@pytest.fixture(scope="module")
def inputs():
    return company().inputs(QUARTER.start, QUARTER)


def drawn(inputs, **other):
    return simulate_recurring(inputs, draws=1024, seed=7, **other)


def due_account(inputs):
    sizes = inputs.due_value + (inputs.due_value > 0)
    return str(inputs.account_id[inputs.due_line[int(np.argmax(sizes))]])


def test_the_same_seed_draws_the_same(inputs):
    assert np.array_equal(drawn(inputs).ending, drawn(inputs).ending)


def test_nodes_of_each_dimension_add_up_in_every_draw(inputs):
    found = drawn(inputs)
    names = np.array([name.split("=")[0] for name in found.nodes])
    for dimension in set(names) - {"total"}:
        assert np.allclose(found.ending[names == dimension].sum(axis=0), found.ending[0], rtol=1e-6)


def test_the_chance_to_leave_is_the_share_of_draws(inputs):
    is_renewal = inputs.exit_kind == RENEWAL
    sure = replace(inputs, exit_odds=np.where(is_renewal, 0.0, -50.0), shock=0.0, shock_sd=0.0)
    undecided = np.isin(inputs.due_line, inputs.exit_line[is_renewal])
    expected = (inputs.due_value * np.where(undecided, 0.5, 1.0)).sum()
    assert drawn(sure).renewals[0].mean() == pytest.approx(expected, rel=0.03)


def test_saved_accounts_stay_and_nobody_else_changes(inputs):
    saved = frozenset(map(str, inputs.account_id))
    found = drawn(inputs, change=Change(saved=saved))
    assert found.renewals[0] == pytest.approx(inputs.due_value.sum())


def test_a_saved_account_never_lowers_a_draw(inputs):
    change = Change(saved=frozenset({due_account(inputs)}))
    gained = drawn(inputs, change=change).renewals[0] - drawn(inputs).renewals[0]
    assert gained.min() >= -1e-6
    assert gained.max() > 0


def test_a_leaving_account_is_gone_in_every_draw(inputs):
    change = Change(leaving=frozenset({due_account(inputs)}))
    assert drawn(inputs, change=change).renewals[0].max() < inputs.due_value.sum()


def test_a_worse_mood_loses_more(inputs):
    calm, worse = (drawn(inputs, change=Change(shocks={"churn": at})) for at in (0.0, 1.0))
    assert worse.ending[0].mean() < calm.ending[0].mean()


def test_more_contraction_ends_lower(inputs):
    more = drawn(inputs, change=Change(contraction=2.0))
    assert (more.ending[0] <= drawn(inputs).ending[0] + 1e-3).all()
    assert more.ending[0].mean() < drawn(inputs).ending[0].mean()


def test_hiring_adds_what_comes_on_top(inputs):
    found = drawn(inputs, change=Change(creation_factor=2.0))
    plain = drawn(inputs)
    assert (found.ending[0] - plain.ending[0]).mean() == pytest.approx(
        plain.parts["ending_arr"]["new"][0], rel=1e-6
    )


def test_the_parts_and_what_is_agreed_make_the_mean(inputs):
    found = drawn(inputs)
    parts = sum(found.parts["revenue"].values())
    agreed = inputs.to_come().sum() + inputs.revenue_to_date[0]
    assert parts[0] + agreed == pytest.approx(found.revenue[0].mean())


def test_gross_retention_is_below_net_and_one(inputs):
    found = drawn(inputs)
    assert (found.grr <= np.minimum(found.nrr, 1.0) + 1e-6).all()


def test_kept_inputs_read_back_to_the_bit(inputs):
    again = RecurringInputs.from_arrow(inputs.to_arrow())
    assert np.array_equal(drawn(again).revenue, drawn(inputs).revenue)


def test_bytes_of_something_else_are_refused():
    with pytest.raises(DataError, match="make the forecast again"):
        RecurringInputs.from_arrow(b"nothing")
