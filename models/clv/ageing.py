"""Purchase processes that age, and that know the first purchase: BG/NBD and MBG/NBD so extended.

Two facts the plain models leave out: customers slow down as they age, and a big first basket
announces a frequent buyer. Both enter as a clock. A customer of age t has lived

    tau(t) = g_1^z_1 ... g_k^z_k  t^pace

units of buying time, with z the customer's traits (standardised facts of the first purchase); the
plain model holds on tau. Pace 1 and gains 1 give the plain model back, so the extension is
nested in the likelihood of the purchase times and can be judged by BIC.

Sources: Fader, Hardie and Lee 2005 for the model on tau; time-invariant covariates as in Fader and
Hardie 2007 ("Incorporating time-invariant covariates"); the power clock is this project's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lifecycle.errors import DataError
from models.clv.bg_nbd import BgNbd, fit_bg_nbd, negative, time_slopes
from models.clv.purchase_process import (
    FloatArray,
    PurchaseCounts,
    check_enough,
    maximise,
)

PACE_LIMITS = (0.3, 2.0)
GAIN_LIMITS = (0.1, 10.0)
PLAIN_LIMITS = (1e-4, 1e4)
FIRST_MOMENT = 1e-9

Score = Callable[[FloatArray], tuple[float, FloatArray]]


@dataclass(frozen=True)
class Histories:
    """Purchase counts with what the ageing models need besides.

    Attributes
    ----------
    counts
        One row per customer.
    log_times
        Shape (n,). Sum over repeat purchases of the log of the time since the first purchase.
    traits
        Shape (n, k). Standardised facts of the first purchase (mean 0, deviation 1).
    """

    counts: PurchaseCounts
    log_times: FloatArray
    traits: FloatArray

    def __post_init__(self) -> None:
        n = len(self.counts.age)
        if len(self.log_times) != n or self.traits.ndim != 2 or len(self.traits) != n:
            raise DataError(
                f"{len(self.log_times)} log times and traits of shape {self.traits.shape}",
                f"{n} rows in both",
            )

    def compress(self, *, traits: bool) -> Histories:
        """Return one row per distinct history; without ``traits`` every trait becomes 0."""
        kept = self.traits if traits else np.zeros_like(self.traits)
        past = self.counts
        rows = np.column_stack([past.frequency, past.recency, past.age, self.log_times, kept])
        unique, place = np.unique(rows, axis=0, return_inverse=True)
        weight = np.bincount(place.ravel(), weights=past.weight).astype(np.float64)
        counts = PurchaseCounts(unique[:, 0], unique[:, 1], unique[:, 2], weight)
        return Histories(counts, unique[:, 3], unique[:, 4:])

    def rescale(self, factor: float) -> Histories:
        """Return the same histories with every time multiplied by ``factor``."""
        shift = self.counts.frequency * np.log(factor)
        return Histories(self.counts.rescale(factor), self.log_times + shift, self.traits)


@dataclass(frozen=True)
class Clock:
    """How buying time runs for a customer: ``pace`` below 1 is slowing down with age.

    Attributes
    ----------
    pace
        Power of age.
    gains
        One factor on the buying rate per standard deviation of each trait.
    """

    pace: float
    gains: tuple[float, ...]

    def factor(self, traits: FloatArray) -> FloatArray:
        """Return shape (n,): how much faster than the mean customer each one buys."""
        return np.asarray(np.exp(traits @ np.log(np.array(self.gains, dtype=np.float64))))

    def log_speed(self, histories: Histories) -> FloatArray:
        """Return shape (n,): the sum over repeat purchases of log(d tau / d t)."""
        x = histories.counts.frequency
        each = np.log(self.pace * self.factor(histories.traits))
        return np.asarray(x * each + (self.pace - 1.0) * histories.log_times)


@dataclass(frozen=True)
class AgeingBgNbd:
    """A BG/NBD or MBG/NBD on buying time.

    Attributes
    ----------
    process
        The plain model on the clock; its ``alpha`` is in units of time to the power of the pace.
    clock
        Pace and gains.
    """

    process: BgNbd
    clock: Clock

    def log_likelihood(self, histories: Histories) -> float:
        """Return the log likelihood of the purchase times, summed over customers."""
        speed = float(histories.counts.weight @ self.clock.log_speed(histories))
        return self.process.log_likelihood(self.on_clock(histories)) + speed

    def expected_purchases(self, histories: Histories, *, horizon: float) -> FloatArray:
        """Return shape (n,): expected purchases in the ``horizon`` after age."""
        ahead = self._ahead(histories, horizon)
        return self.process.expected_purchases(self.on_clock(histories), horizon=ahead)

    def probability_any(self, histories: Histories, *, horizon: float) -> FloatArray:
        """Return shape (n,): P(at least one purchase in the ``horizon`` after age)."""
        ahead = self._ahead(histories, horizon)
        return self.process.probability_any(self.on_clock(histories), horizon=ahead)

    def on_clock(self, histories: Histories) -> PurchaseCounts:
        """Return the counts with their times in buying time."""
        counts, factor = histories.counts, self.clock.factor(histories.traits)
        last, age = (factor * t**self.clock.pace for t in (counts.recency, counts.age))
        return PurchaseCounts(counts.frequency, last, age, counts.weight)

    def _ahead(self, histories: Histories, horizon: float) -> FloatArray:
        age, pace = histories.counts.age, self.clock.pace
        lived = (age + horizon) ** pace - age**pace
        return np.asarray(self.clock.factor(histories.traits) * lived)


def fit_ageing_bg_nbd(
    histories: Histories, *, early_dropout: bool = False, clock: bool = True, traits: bool = True
) -> AgeingBgNbd:
    """Return the maximum likelihood model, started from the plain one.

    Parameters
    ----------
    histories
        One row per customer.
    early_dropout
        MBG/NBD instead of BG/NBD.
    clock, traits
        Whether the pace and the gains are fitted; otherwise they stay at 1.

    Raises
    ------
    NotEnoughHistoryError
        Too few customers or repeat buyers.
    """
    check_enough(histories.counts)
    unit = float(histories.counts.age.mean()) or 1.0
    rows = histories.compress(traits=traits).rescale(1.0 / unit)
    plain = fit_bg_nbd(rows.counts, early_dropout=early_dropout)
    k = rows.traits.shape[1] if traits else 0

    def build(theta: FloatArray) -> AgeingBgNbd:
        r, alpha, a, b = (float(value) for value in theta[:4])
        return AgeingBgNbd(BgNbd(r, alpha, a, b, early_dropout), build_clock(theta, rows, clock))

    start = (plain.r, plain.alpha, plain.a, plain.b)
    model = build(climb(start, lambda theta: _score(build(theta), rows), clock=clock, gains=k))
    alpha = model.process.alpha * unit**model.clock.pace
    process = BgNbd(model.process.r, alpha, model.process.a, model.process.b, early_dropout)
    return AgeingBgNbd(process, model.clock)


def climb(start: Sequence[float], score: Score, *, clock: bool, gains: int) -> FloatArray:
    """Return the maximum of a likelihood on the clock, from the four parameters of the plain model.

    Parameters
    ----------
    start
        The plain model's parameters.
    score
        From a parameter vector (four plain ones, the pace if fitted, the gains if fitted) to the
        log likelihood and its gradient in all of them, fitted or not.
    clock
        Whether the pace is fitted.
    gains
        How many gains are fitted: all or none.
    """
    limits = [PLAIN_LIMITS] * 4 + [PACE_LIMITS] * clock + [GAIN_LIMITS] * gains

    def fall(theta: FloatArray) -> tuple[float, FloatArray]:
        value, slope = score(theta)
        free = [True] * 4 + [clock] + [gains > 0] * (len(slope) - 5)
        return -value, -slope[np.array(free)]

    begin = np.clip([*start, *[1.0] * (clock + gains)], *PLAIN_LIMITS).tolist()
    return maximise(fall, [begin], limits=limits)[0]


def build_clock(theta: FloatArray, histories: Histories, clock: bool) -> Clock:
    """Return the clock of a parameter vector: four plain parameters, the pace if fitted, gains."""
    gains = tuple(float(value) for value in theta[4 + clock :])
    unmoved = (1.0,) * histories.traits.shape[1]
    return Clock(float(theta[4]) if clock else 1.0, gains or unmoved)


def _score(model: AgeingBgNbd, histories: Histories) -> tuple[float, FloatArray]:
    """Return the log likelihood and its gradient in (r, alpha, a, b, pace, gains...)."""
    plain, clock, past = model.process, model.clock, histories.counts
    lived = model.on_clock(histories)
    theta = np.array([plain.r, plain.alpha, plain.a, plain.b])
    value, slope = negative(theta, lived, plain.early_dropout)
    by_age, by_last = time_slopes(plain, lived)
    speed = float(past.weight @ clock.log_speed(histories))
    # d tau / d pace = tau log t and d tau / d log gain = z tau, for the age and the last purchase
    log_age, log_last = (np.log(np.maximum(t, FIRST_MOMENT)) for t in (past.age, past.recency))
    by_pace = by_age * lived.age * log_age + by_last * lived.recency * log_last
    by_pace += past.frequency / clock.pace + histories.log_times
    by_gain = by_age * lived.age + by_last * lived.recency + past.frequency
    by_gains = (past.weight * by_gain) @ histories.traits / np.array(clock.gains)
    return speed - value, np.concatenate([-slope, [past.weight @ by_pace], by_gains])
