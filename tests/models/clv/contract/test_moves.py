"""Growth while alive: learned from stayers, faded, and drawn around its mean."""

import numpy as np
import pyarrow as pa
import pytest

from models.base import Examples
from models.clv.contract.draws import Doubt, build_pool
from models.clv.contract.moves import Moves, faded
from models.clv.contract.portfolio import fit_shock, trail_retention
from models.clv.contract.rows import Contracts
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


def test_the_growth_of_stayers_is_learned_and_of_old_accounts_drawn_to_nothing(examples):
    moves = Moves.fit(examples)
    assert moves.growth.other == pytest.approx(GROWTH, rel=0.05)
    assert 0.3 * GROWTH < moves.mature.other < 0.95 * GROWTH


def test_without_old_accounts_growth_fades_to_nothing(examples):
    young = examples.take(examples.frame["tenure_days"].to_numpy() < 1000)
    moves = Moves.fit(young)
    level = moves.level(Contracts.read(young.frame.slice(0, 1)), months=60)[0]
    assert moves.mature.other == 0.0
    assert level[59] == pytest.approx(level[48])


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
