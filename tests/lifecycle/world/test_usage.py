"""Use tells of health, is counted by the week, and known when the week is over."""

import numpy as np

from lifecycle.world.usage import METRICS, draw_habits, season
from tests.lifecycle.world.worlds import account_rows, column, facts, tiny


def measured(metric):
    """Account, week and quantity of a metric."""
    of = facts()["usage"]["metric"].to_numpy(zero_copy_only=False) == metric
    week = (column("usage", "used_at")[of] // 7).astype(int)
    return account_rows("usage")[of], week, facts()["usage"]["quantity"].to_numpy()[of]


def test_every_live_week_is_measured_once_by_metric():
    live = tiny().weekly.active[:, : tiny().params.weeks].sum()
    assert facts()["usage"].num_rows == live * len(METRICS)


def test_a_week_is_known_after_its_end():
    assert (column("usage", "known_at") > column("usage", "used_at") + 7).all()


def test_active_users_never_exceed_seats():
    account, week, users = measured("active_users")
    assert (users <= np.ceil(np.maximum(tiny().weekly.seats[account, week], 1))).all()


def test_healthy_accounts_use_more():
    account, week, users = measured("active_users")
    used = users / np.maximum(tiny().weekly.seats[account, week], 1)
    health = tiny().weekly.base[account, week]
    assert used[health > 0.7].mean() > used[health < -0.7].mean() + 0.15
    assert 0.3 < np.corrcoef(used, health)[0, 1] < 0.9


def test_counts_vary_more_than_poisson():
    _, _, events = measured("events")
    assert events.var() > 2 * events.mean()


def test_holidays_are_quiet():
    share = season(tiny())
    assert share.min() < 0.6
    assert share.max() == 1.0


def test_accounts_begin_slowly():
    account, week, users = measured("active_users")
    age = week - tiny().weekly.contract_started_day[account, week] / 7
    used = users / np.maximum(tiny().weekly.seats[account, week], 1)
    assert used[age < 4].mean() < 0.75 * used[age > 30].mean()


def test_habits_do_not_know_frailty():
    habits = draw_habits(tiny(), np.random.default_rng(1))
    assert abs(np.corrcoef(habits.level, tiny().accounts.frailty)[0, 1]) < 0.25
