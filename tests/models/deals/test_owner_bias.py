"""Owners' bias: planted biases are found, few deals stay near the others and get no label."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from lifecycle.errors import ModelError
from models.deals.owner_bias import Commits, measure_owner_bias


def plant(bias, quarters=8, deals=6, seed=1, late=0.3):
    """Owners who win exp(bias) of what they commit to, deal by deal."""
    rng, n = np.random.default_rng(seed), len(bias) * quarters
    owner = np.repeat([f"p{k:02d}" for k in range(len(bias))], quarters)
    ratio = np.exp(np.repeat(bias, quarters))
    money = np.exp(rng.normal(10, 0.5, (n, deals)))
    kept = rng.gamma(4.0, 0.25, (n, deals)) * ratio[:, None]
    won = rng.poisson(8, n) + 0.0
    return Commits(
        owner, money.sum(1), (money * kept).sum(1), np.full(n, float(deals)), won,
        np.minimum(rng.binomial(8, late, n), won) + 0.0,
    )  # fmt: skip


def test_planted_biases_are_found():
    bias = np.random.default_rng(5).normal(-0.1, 0.35, 24)
    found = measure_owner_bias(plant(bias))
    ratio = np.array([one.ratio for one in found])
    assert spearmanr(ratio, bias).statistic > 0.9
    assert np.abs(np.log(ratio) - bias).mean() < 0.1


def test_nine_of_ten_intervals_and_more_hold_the_truth():
    bias = np.random.default_rng(6).normal(0.0, 0.3, 60)
    found = measure_owner_bias(plant(bias))
    inside = [one.ratio_low <= np.exp(b) <= one.ratio_high
              for one, b in zip(found, bias, strict=True)]  # fmt: skip
    assert 0.88 <= np.mean(inside) <= 1.0


def test_labels_go_to_the_ends_and_to_nobody_between():
    found = measure_owner_bias(plant(np.array([-0.7, -0.6, 0.0, 0.0, 0.0, 0.6, 0.7]), quarters=12))
    labels = [one.label for one in found]
    assert labels[:2] == ["happy_ears"] * 2
    assert labels[2:5] == [None] * 3
    assert "sandbagging" in labels[5:]
    assert "happy_ears" not in labels[2:]


def test_under_eight_deals_there_is_no_label():
    found = measure_owner_bias(plant(np.array([-2.0, 2.0, 0.0, 0.0]), quarters=7, deals=1))
    assert all(one.deals_count == 7 and one.label is None for one in found)


def test_few_deals_stay_nearer_to_the_others_than_many():
    bias = np.array([-0.6] * 2 + [0.0] * 12)
    rows = plant(bias, quarters=10)
    keep = np.array([k not in range(1, 10) for k in range(len(rows.owner))])
    cut = Commits(*(np.asarray(one)[keep] for one in vars(rows).values()))
    few, many = measure_owner_bias(cut)[:2]
    assert few.deals_count == 6
    assert many.deals_count == 60
    assert few.ratio_high - few.ratio_low > many.ratio_high - many.ratio_low


def test_late_wins_are_told_with_n_and_interval():
    one = measure_owner_bias(plant(np.zeros(4), late=0.5))[0]
    assert one.late_low < one.late_share < one.late_high
    assert one.won_count > 30
    assert 0.3 < one.late_share < 0.7


def test_nothing_won_is_a_bias_and_no_error():
    rows = plant(np.zeros(6))
    mine = np.array([name == "p00" for name in rows.owner])
    nothing = Commits(rows.owner, rows.commit_minor, np.where(mine, 0.0, rows.won_minor),
                      rows.deals_count, np.where(mine, 0.0, rows.won_count),
                      np.where(mine, 0.0, rows.late_count))  # fmt: skip
    found = measure_owner_bias(nothing)[0]
    assert found.ratio < 0.7
    assert np.isnan(found.late_share)


def test_an_owner_who_never_committed_is_left_out():
    rows = plant(np.zeros(3))
    mine = np.array([name == "p01" for name in rows.owner])
    silent = Commits(rows.owner, np.where(mine, 0.0, rows.commit_minor), rows.won_minor,
                     rows.deals_count, rows.won_count, rows.late_count)  # fmt: skip
    assert [one.owner_id for one in measure_owner_bias(silent)] == ["p00", "p02"]


def test_arrays_of_unlike_length_are_refused():
    with pytest.raises(ModelError, match="2 owners"):
        Commits(["a", "b"], *(np.ones(3),) * 5)
