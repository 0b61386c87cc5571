"""Growth while alive: learned from stayers, faded, and drawn around its mean."""

import numpy as np
import pyarrow as pa
import pytest

from models.base import Examples
from models.clv.contract.draws import Doubt, build_pool
from models.clv.contract.moves import Moves, faded
from models.clv.contract.portfolio import fit_shock, trail_retention
from models.clv.contract.rows import MONTH_DAYS
from tests.models.clv.contract.book import GROWTH, build_examples, make_world


@pytest.fixture(scope="module")
def examples():
    return build_examples(make_world(1))


def grown(examples, size):
    """The same examples where a quarter of the rows expanded by ``size`` after half a year."""
    count = examples.frame.num_rows
    some = np.arange(count) % 4 == 0
    after = examples.outcomes.to_pydict()
    after["expanded_days"] = np.where(some, 180.0, np.nan)
    after["expand_log_ratio"] = np.where(some, size, np.nan)
    label = examples.label * np.where(some, (1 + np.exp(size)) / 2, 1.0)
    return Examples(examples.frame, label, examples.as_of, 365, pa.table(after))


def test_the_growth_of_stayers_is_learned_and_what_old_accounts_keep_of_it(examples):
    moves = Moves.fit(examples)
    assert moves.growth.other == pytest.approx(GROWTH, rel=0.05)
    # the old of this book grow like the others; the prior believes in half
    assert 0.6 * GROWTH < moves.mature.other < GROWTH


def test_old_accounts_that_stand_still_stop_the_growth_of_all(examples):
    old = examples.frame["tenure_days"].to_numpy() >= 48 * MONTH_DAYS
    still = examples.frame["mrr_minor"].to_numpy() * 12.0
    stopped = Examples(
        examples.frame,
        np.where(old, np.minimum(examples.label, still), examples.label),
        examples.as_of,
        365,
        examples.outcomes,
    )
    lasting, fading = (Moves.fit(one) for one in (examples, stopped))
    ratio = [one.mature.other / one.growth.other for one in (fading, lasting)]
    assert ratio[0] < 0.6 * ratio[1]


def test_without_old_accounts_half_of_the_growth_lasts(examples):
    young = examples.take(examples.frame["tenure_days"].to_numpy() < 1000)
    moves = Moves.fit(young)
    assert moves.mature.other == pytest.approx(moves.growth.other / 2)


def test_small_accounts_are_not_drawn_to_the_growth_of_large_ones(examples):
    """A segment's accounts count by number against the prior, not by their money."""
    names = examples.frame["segment"].to_pylist()
    small = np.array(names) == names[0]
    mrr = examples.frame["mrr_minor"].to_numpy() * np.where(small, 1.0, 1000.0)
    tenfold = examples.frame.set_column(
        examples.frame.column_names.index("mrr_minor"), "mrr_minor", pa.array(mrr)
    )
    label = examples.label * np.where(small, 1.1, 1000.0)
    richer = Examples(tenfold, label, examples.as_of, 365, examples.outcomes)
    same = Examples(
        examples.frame,
        examples.label * np.where(small, 1.1, 1.0),
        examples.as_of,
        365,
        examples.outcomes,
    )
    found, wanted = (Moves.fit(one).growth.values[names[0]] for one in (richer, same))
    assert found == pytest.approx(wanted, abs=1e-4)


def test_the_hurdle_learns_how_often_and_how_far(examples):
    moves = Moves.fit(grown(examples, 0.3))
    assert moves.up.size == pytest.approx(0.3, abs=0.01)
    assert moves.up.rate.other == pytest.approx(0.25 / 12, rel=0.2)
    assert moves.growth.other > GROWTH + 0.003


def test_nothing_grows_after_the_fade():
    assert np.diff(faded(60))[48:] == pytest.approx(0.0)
    assert (np.diff(faded(60))[:48] > 0).all()


def test_drawn_moves_have_mean_one_and_spread(examples):
    pool = build_pool(Moves.fit(grown(examples, 0.3)), "smb", np.random.default_rng(1))
    assert pool.mean(axis=0) == pytest.approx(1.0)
    assert (np.diff(pool.std(axis=0)) > 0).all()


def test_a_common_path_keeps_the_mean_hazard():
    rng = np.random.default_rng(1)
    paths = np.array([Doubt(shock_sd=0.3).path(60, rng) for _ in range(3000)])
    assert np.exp(paths).mean() == pytest.approx(1.0, abs=0.02)
    assert np.corrcoef(paths[:, 10], paths[:, 11])[0, 1] == pytest.approx(0.9, abs=0.02)


def test_months_in_which_all_move_together_widen_the_shock(examples):
    calm, rough = [], []
    for place, day in enumerate(np.unique(examples.as_of)):
        rows = examples.as_of == day
        share = np.mean(examples.outcomes["decided_days"].to_numpy()[rows] < 365 / 12)
        calm.append(np.full(rows.sum(), share))
        rough.append(np.full(rows.sum(), share * np.exp(1.0 if place % 2 else -1.0)))
    low, high = (fit_shock(examples, np.concatenate(one)) for one in (calm, rough))
    assert low <= 0.2 < high


def test_trailing_retention_counts_leavers_as_nothing(examples):
    left = examples.outcomes["decided_days"].to_numpy() < 365
    mrr = examples.frame["mrr_minor"].to_numpy()
    kept = 1 - mrr[left].sum() / mrr.sum()
    assert trail_retention(examples)["all"] == pytest.approx(kept * np.exp(12 * GROWTH), abs=0.03)
