"""Three automatic time-series models on four-week totals counted back from the as-of day.

Counting back leaves no month half full: the newest block ends with the last known day. Once six
blocks have a year-ago twin (the same 28 weekdays 364 days earlier), the models see growth over the
twin, ``log(block / twin)``, and the forecast is the twins' revenue times that growth; one year is
too short for a seasonal model of 13 blocks, and a whole seasonal difference is the one seasonal
model that two years can feed. Before that, and never beside a known year-ago span, they see levels.
A node with a block that is not positive, or that more than doubled or halved, uses differences:
the exponential of such a logarithm carries one large order into every week ahead.

Sources: statsforecast (AutoETS: Hyndman et al. 2002; AutoTheta: Fiorucci et al. 2016; AutoARIMA:
Hyndman and Khandakar 2008).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from models.forecast.naive import Span, year_ago_known
from models.forecast.sales import YEAR_DAYS, FloatArray, Sales

BLOCK_DAYS = 28
YEAR_BLOCKS = YEAR_DAYS // BLOCK_DAYS
FEWEST_BLOCKS = 6
FEWEST_ETS_BLOCKS = 7  # the library refuses fewer
FEWEST_ARIMA_BLOCKS = 8
FEWEST_TREND_BLOCKS = 13
MOST_GROWTH = 2.0
MOST_MODELLED = 20
MOST_BLOCKS = 65  # five years: older blocks tell little of today and cost time

Extrapolate = Callable[[FloatArray, int], FloatArray]


def time_series_legs(sales: Sales, span: Span) -> dict[str, FloatArray]:
    """Return the revenue of the span by leg and node, minor units; absent legs lack history.

    Segments beyond the largest `MOST_MODELLED` are not modelled one by one: they keep their own
    year-ago (or recent) revenue and take the total's growth over its own.

    Parameters
    ----------
    sales
        What is known.
    span
        The days to forecast.
    """
    blocks = block_totals(sales)
    seasonal = year_ago_known(sales, span)
    count = blocks.shape[1] - (YEAR_BLOCKS if seasonal else 0)
    return {
        name: _by_node(sales, blocks, span, extrapolate)
        for name, extrapolate, fewest in LEGS
        if count >= fewest
    }


def _by_node(sales: Sales, blocks: FloatArray, span: Span, extrapolate: Extrapolate) -> FloatArray:
    seasonal = year_ago_known(sales, span)
    daily = sales.net_minor
    plain = daily[:, span.year_ago].sum(axis=1) if seasonal else daily.mean(axis=1) * span.days
    size = np.abs(daily[:, -YEAR_DAYS:].sum(axis=1))
    size[0] = np.inf
    largest = np.argsort(-size, kind="stable")[: MOST_MODELLED + 1]
    rest = np.zeros(len(plain))
    for row in largest:
        rest[row] = (
            _seasonal_rest(daily[row], blocks[row], span, extrapolate)
            if seasonal
            else _level_rest(blocks[row], span, sales.days, extrapolate)
        )
    small = np.setdiff1d(np.arange(len(plain)), largest)
    rest[small] = plain[small] * (rest[0] / plain[0] if plain[0] > 0 else 1.0)
    return rest


def block_totals(sales: Sales) -> FloatArray:
    """Return (nodes, blocks) revenue of whole 28-day blocks, oldest first, minor units."""
    count = min(sales.days // BLOCK_DAYS, MOST_BLOCKS)
    known = sales.net_minor[:, sales.days - count * BLOCK_DAYS :]
    shape = (len(sales.nodes), count, BLOCK_DAYS)
    return np.asarray(known.reshape(shape).sum(axis=2), dtype=np.float64)


def _seasonal_rest(
    daily: FloatArray, blocks: FloatArray, span: Span, extrapolate: Extrapolate
) -> float:
    twin, grown = blocks[:-YEAR_BLOCKS], blocks[YEAR_BLOCKS:]
    base = daily[span.year_ago]
    ahead = (np.arange(span.start, span.end) - len(daily)) // BLOCK_DAYS
    steps = int(ahead[-1]) + 1 if len(ahead) else 1
    if _steady(twin, grown):
        growth = extrapolate(np.log(grown / twin), steps)
        return float((base * np.exp(growth[ahead])).sum())
    change = extrapolate(grown - twin, steps) / BLOCK_DAYS
    return float((base + change[ahead]).sum())


def _steady(twin: FloatArray, grown: FloatArray) -> bool:
    if min(twin.min(), grown.min()) <= 0:
        return False
    return bool(np.abs(np.log(grown / twin)).max() <= np.log(MOST_GROWTH))


def _level_rest(blocks: FloatArray, span: Span, known_days: int, extrapolate: Extrapolate) -> float:
    ahead = (np.arange(span.start, span.end) - known_days) // BLOCK_DAYS
    steps = int(ahead[-1]) + 1 if len(ahead) else 1
    return float(extrapolate(blocks, steps)[ahead].sum() / BLOCK_DAYS)


def _ets(series: FloatArray, steps: int) -> FloatArray:
    from statsforecast.models import AutoETS

    # A trend needs more points than a level; an undamped one is never followed.
    trended = len(series) >= FEWEST_TREND_BLOCKS
    model = AutoETS(season_length=1, model="ZZN" if trended else "ZNN", damped=trended or None)
    return _fitted(model, series, steps)


def _theta(series: FloatArray, steps: int) -> FloatArray:
    from statsforecast.models import AutoTheta

    return _fitted(AutoTheta(season_length=1), series, steps)


def _arima(series: FloatArray, steps: int) -> FloatArray:
    from statsforecast.models import AutoARIMA

    # One term of each kind: 65 points at most feed no more, and the search is the costliest step.
    model = AutoARIMA(season_length=1, max_p=1, max_q=1, max_d=1, seasonal=False)
    return _fitted(model, series, steps)


def _fitted(model: object, series: FloatArray, steps: int) -> FloatArray:
    scale = float(np.abs(series).max())
    # A flat series has nothing to fit, and the optimisers divide by its spread.
    if float(np.ptp(series)) <= 1e-9 * max(scale, 1e-9):
        return np.full(steps, series[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.forecast(y=series / scale, h=steps)["mean"]  # type: ignore[attr-defined]
    ahead = np.asarray(found, dtype=np.float64) * scale
    return ahead if bool(np.isfinite(ahead).all()) else np.full(steps, float(series.mean()))


LEGS: tuple[tuple[str, Extrapolate, int], ...] = (
    ("auto_ets", _ets, FEWEST_ETS_BLOCKS),
    ("auto_theta", _theta, FEWEST_BLOCKS),
    ("auto_arima", _arima, FEWEST_ARIMA_BLOCKS),
)
