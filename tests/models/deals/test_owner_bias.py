"""Owners' bias: planted biases are found, few deals stay near the others and get no label."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from lifecycle.errors import ModelError
from models.deals.owner_bias import Commits, measure_owner_bias

COMMIT = {"early": 0.02, "middle": 0.2, "late": 0.5}
WON = {"early": 0.05, "middle": 0.2, "late": 0.4}


def plant(bold, deals=120, seed=1, late=0.3, luck=0.0):
    """Owners who call exp(bold) as many deals a commit as others, and win exp(luck) as many."""
    rng, n = np.random.default_rng(seed), len(bold) * deals
    who = np.repeat(np.arange(len(bold)), deals)
    case = rng.choice(list(COMMIT), n)
    committed = rng.random(n) < np.array([COMMIT[one] for one in case]) * np.exp(bold)[who]
    won = rng.random(n) < np.array([WON[one] for one in case]) * np.exp(luck)
    money = np.exp(rng.normal(10, 0.5, n))
    return Commits(
        [f"p{one:02d}" for one in who], [f"d{k}" for k in range(n)],
        [f"q{k % 8}" for k in range(n)], case.tolist(), committed + 0.0, won + 0.0,
        won * (rng.random(n) < late), committed * money, won * money,
    )  # fmt: skip


def pick(rows, keep):
    """Keep some rows."""
    return Commits(*(np.asarray(one)[keep] for one in vars(rows).values()))


def of(rows, name):
    """Which rows are an owner's."""
    return np.array([one == name for one in rows.owner])


def silence(rows, name, *columns):
    """Let an owner have none of something."""
    mine = of(rows, name)
    return replace(rows, **{one: np.where(mine, 0.0, getattr(rows, one)) for one in columns})


def test_planted_biases_are_found():
    bold = np.random.default_rng(5).normal(-0.2, 0.4, 24)
    beside = np.log([one.beside_others for one in measure_owner_bias(plant(bold))])
    assert spearmanr(beside, -bold).statistic > 0.85
    assert np.abs(beside + bold - bold.mean()).mean() < 0.15


def test_nine_of_ten_intervals_and_more_hold_the_truth():
    bold = np.random.default_rng(6).normal(-0.2, 0.3, 60)
    usual = sum(WON.values()) / sum(COMMIT.values())
    found = measure_owner_bias(plant(bold))
    inside = [one.ratio_low <= usual * np.exp(-b) <= one.ratio_high
              for one, b in zip(found, bold, strict=True)]  # fmt: skip
    assert 0.88 <= np.mean(inside) <= 1.0


def test_labels_go_to_the_ends_and_to_nobody_between():
    bold = np.array([0.6, 0.6, 0.0, 0.0, 0.0, 0.0, -1.2, -1.2])
    labels = [one.label for one in measure_owner_bias(plant(bold, deals=400))]
    assert labels[:2] == ["happy_ears"] * 2
    assert labels[2:6] == [None] * 4
    assert labels[6:] == ["sandbagging"] * 2


def test_whose_wins_surely_appear_late_more_rarely_is_no_sandbagger():
    rows = plant(np.array([0.0] * 6 + [-1.2] * 2), deals=400, late=0.5)
    early = replace(rows, late=np.where(of(rows, "p07"), 0.0, rows.late))
    assert measure_owner_bias(rows)[7].label == "sandbagging"
    assert measure_owner_bias(early)[7].label is None


def test_a_company_whose_owners_all_win_little_of_what_they_commit_to_has_no_label():
    found = measure_owner_bias(plant(np.zeros(8), luck=-1.5))
    assert all(one.ratio < 0.5 and one.label is None for one in found)
    assert all(one.p_beyond < 0.9 for one in found)


def test_who_has_the_likelier_deals_is_not_the_bolder_one():
    rows = plant(np.zeros(12), deals=300)
    mature = np.array([one == "late" for one in rows.case])
    found = measure_owner_bias(pick(rows, ~of(rows, "p00") | mature))
    assert 0.85 < found[0].beside_others < 1.15


def test_under_eight_deals_there_is_no_label():
    rows = plant(np.array([0.6, 0.6, 0.0, 0.0, -1.0, -1.0]), deals=300)
    own = np.flatnonzero(of(rows, "p00") & ((rows.committed > 0) | (rows.won > 0)))
    found = measure_owner_bias(pick(rows, np.append(own[:7], np.flatnonzero(~of(rows, "p00")))))
    assert found[0].deals_count == 7
    assert found[0].label is None


def test_few_deals_stay_nearer_to_the_others_than_many():
    rows = plant(np.array([0.6] * 2 + [0.0, -0.5] * 6))
    cut = pick(rows, np.setdiff1d(np.arange(len(rows.owner)), np.arange(10, 120)))
    few, many = measure_owner_bias(cut)[:2]
    assert few.deals_count < many.deals_count
    assert few.ratio_high / few.ratio_low > many.ratio_high / many.ratio_low
    assert few.beside_others > many.beside_others


def test_a_deal_met_again_and_again_weighs_less_than_as_many_deals():
    rows = plant(np.random.default_rng(7).normal(-0.2, 0.4, 12), deals=40)
    copies = Commits(*(np.concatenate([one] * 4) for one in vars(rows).values()))
    alone = replace(copies, deal=[f"d{k}" for k in range(len(copies.owner))])
    again, single = measure_owner_bias(copies)[0], measure_owner_bias(alone)[0]
    assert again.ratio_high / again.ratio_low > 1.2 * single.ratio_high / single.ratio_low


def test_late_wins_are_told_with_n_and_interval():
    one = measure_owner_bias(plant(np.zeros(4), deals=300, late=0.5))[0]
    assert one.late_low < one.late_share < one.late_high
    assert one.won_count > 30
    assert 0.3 < one.late_share < 0.7


def test_nothing_won_is_a_bias_and_no_error():
    rows = silence(plant(np.zeros(6), deals=300), "p00", "won", "late", "won_minor")
    found = measure_owner_bias(rows)[0]
    assert found.beside_others < 0.5
    assert np.isnan(found.late_share)


def test_who_wins_and_never_commits_is_told_as_such():
    rows = silence(plant(np.zeros(6), deals=300), "p00", "committed", "commit_minor")
    found = measure_owner_bias(rows)[0]
    assert found.beside_others > 2.0
    assert found.commit_minor == 0.0


def test_who_neither_commits_nor_wins_is_left_out():
    rows = silence(plant(np.zeros(3)), "p01", "committed", "won", "late")
    assert [one.owner_id for one in measure_owner_bias(rows)] == ["p00", "p02"]


def test_where_nobody_commits_there_is_no_bias():
    rows = plant(np.zeros(3))
    assert measure_owner_bias(replace(rows, committed=rows.committed * 0.0)) == []


def test_an_owner_alone_is_never_labelled():
    (one,) = measure_owner_bias(plant(np.array([0.5])))
    assert one.beside_others == pytest.approx(1.0)
    assert one.label is None


def test_arrays_of_unlike_length_are_refused():
    with pytest.raises(ModelError, match="2 owners"):
        Commits(["a", "b"], ["d"] * 3, ["q"] * 3, ["c"] * 3, *(np.ones(3),) * 5)
