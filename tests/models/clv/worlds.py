"""Simulated customers with known parameters: purchase times by the models' own stories."""

import numpy as np

from models.clv.ageing import Histories
from models.clv.ageing_pareto import AgeingParetoNbd
from models.clv.bg_nbd import BgNbd
from models.clv.purchase_process import build_counts


def simulate(seed, n, stop_times, rates, *, until, horizon):
    """Return counts up to ``until`` and the purchases in the ``horizon`` after it."""
    rng = np.random.default_rng(seed)
    x, last, later = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        end = min(stop_times[i], until + horizon)
        times = rng.uniform(0.0, end, rng.poisson(rates[i] * end))
        past = times[times < until]
        x[i], last[i], later[i] = len(past), past.max(initial=0.0), (times >= until).sum()
    return build_counts(x, last, np.full(n, float(until))), later


def pareto_world(seed, n, *, r, alpha, s, beta, until=52.0, horizon=26.0):
    rng = np.random.default_rng(seed)
    stops = rng.exponential(1.0 / rng.gamma(s, 1.0 / beta, n))
    return simulate(seed + 1, n, stops, rng.gamma(r, 1.0 / alpha, n), until=until, horizon=horizon)


def bg_world(seed, n, *, r, alpha, a, b, early=False, until=52.0, horizon=26.0):
    rng = np.random.default_rng(seed)
    rates, stop = rng.gamma(r, 1.0 / alpha, n), rng.beta(a, b, n)
    x, last, later = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        now, alive = 0.0, not early or rng.random() > stop[i]
        while alive and (now := now + rng.exponential(1.0 / rates[i])) < until + horizon:
            if now < until:
                x[i], last[i] = x[i] + 1, now
            later[i] += now >= until
            alive = rng.random() > stop[i]
    return build_counts(x, last, np.full(n, float(until))), later


def ageing_world(seed, n, model, clock, *, until=52.0, horizon=26.0):
    """Return histories of customers who buy on a clock, and their later purchases."""
    rng = np.random.default_rng(seed)
    traits = rng.normal(size=(n, 1))
    factor, pace = clock.factor(traits), clock.pace
    process = getattr(model, "process", model)
    rates = rng.gamma(process.r, 1.0 / process.alpha, n)
    rows = [
        _buying_days(rng, process, rates[i] * factor[i], pace, until + horizon) for i in range(n)
    ]
    past = [times[times < until] for times in rows]
    counts = build_counts(
        [len(t) for t in past], [t.max(initial=0.0) for t in past], np.full(n, until)
    )
    later = np.array([(t >= until).sum() for t in rows], dtype=float)
    return Histories(counts, np.array([np.log(t).sum() for t in past]), traits), later


def _buying_days(rng, process, rate, pace, end):
    if isinstance(process, AgeingParetoNbd):
        end = min(end, rng.exponential(1.0 / rng.gamma(process.s, 1.0 / process.beta)))
    units = np.sort(rng.uniform(0.0, end**pace, rng.poisson(rate * end**pace)))
    if isinstance(process, BgNbd):
        units = units[: rng.geometric(rng.beta(process.a, process.b))]
    return units ** (1.0 / pace)


def slopes(value, theta):
    """Return the gradient of ``value`` at ``theta`` by central differences."""
    steps = np.diag(1e-5 * theta)
    return [(value(theta + h) - value(theta - h)) / (2 * h.sum()) for h in steps]
