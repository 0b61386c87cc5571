"""Pareto/NBD whose customers buy on a clock (age and first purchase) and stop in plain time.

As in ``pareto_nbd``, with tau(t) = factor t^pace in place of t wherever buying is counted:

    G(r + x) / G(r)  alpha^r  (d tau / d t at every repeat purchase)
      [ (alpha + tau(T))^-p (1 + T/beta)^-s
        + s integral over t..T of (alpha + tau(y))^-p (1 + y/beta)^-(s+1) dy / beta ],   p = r + x.

The power clock is this project's extension; the integral form follows Fader and Hardie 2005.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, psi

from models.clv.ageing import FIRST_MOMENT, Clock, Histories, build_clock, climb
from models.clv.pareto_nbd import NODES, WEIGHTS, fit_pareto_nbd
from models.clv.purchase_process import FloatArray, check_enough


class _Pieces(NamedTuple):
    """The two parts of the likelihood, relative to the last purchase; nodes are (n, nodes)."""

    rate: FloatArray
    kept: FloatArray
    mass: FloatArray
    node: FloatArray
    term: FloatArray


@dataclass(frozen=True)
class AgeingParetoNbd:
    """A Pareto/NBD with a buying clock.

    Attributes
    ----------
    r, alpha
        Shape and rate of the gamma of purchase rates per unit of buying time.
    s, beta
        Shape and rate of the gamma of stopping rates; ``beta`` in units of time.
    clock
        Pace and gains of buying.
    """

    r: float
    alpha: float
    s: float
    beta: float
    clock: Clock

    def log_likelihood(self, histories: Histories) -> float:
        """Return the log likelihood of the purchase times, summed over customers."""
        return float(histories.counts.weight @ _log_rows(self, histories, _pieces(self, histories)))

    def probability_alive(self, histories: Histories) -> FloatArray:
        """Return shape (n,): P(has not stopped for good by age)."""
        pieces = _pieces(self, histories)
        return np.asarray(pieces.kept / (pieces.kept + pieces.mass))

    def expected_purchases(self, histories: Histories, *, horizon: float) -> FloatArray:
        """Return shape (n,): expected purchases in the ``horizon`` after age.

        P(alive) (r + x) / (alpha_i + tau(T)) times the integral over the horizon of the speed of
        the clock and of the chance to be alive still.
        """
        counts, (tau, speed, stay) = histories.counts, self._ahead(histories, horizon)
        rate = (self.r + counts.frequency) / (self.alpha + tau[:, 0])
        lived = (speed * stay * WEIGHTS).sum(axis=1) * horizon / 2.0
        return np.asarray(self.probability_alive(histories) * rate * lived)

    def probability_any(self, histories: Histories, *, horizon: float) -> FloatArray:
        """Return shape (n,): P(alive) times the integral of the density of the next purchase."""
        tau, speed, stay = self._ahead(histories, horizon)
        p = (self.r + histories.counts.frequency)[:, None]
        start, later = self.alpha + tau[:, :1], self.alpha + tau[:, 1:]
        density = p / later * np.exp(-p * np.log(later / start)) * speed * stay
        chance = (density * WEIGHTS).sum(axis=1) * horizon / 2.0
        return np.asarray(self.probability_alive(histories) * np.clip(chance, 0.0, 1.0))

    def _ahead(
        self, histories: Histories, horizon: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return tau now and at the nodes ahead, its speed there, and P(alive there | now)."""
        age, pace = histories.counts.age[:, None], self.clock.pace
        factor = self.clock.factor(histories.traits)[:, None]
        time = age + (NODES + 1.0) / 2.0 * horizon
        tau = factor * np.concatenate([age, time], axis=1) ** pace
        stay = ((self.beta + age) / (self.beta + time)) ** self.s
        return tau, factor * pace * time ** (pace - 1.0), stay


def fit_ageing_pareto_nbd(
    histories: Histories, *, clock: bool = True, traits: bool = True
) -> AgeingParetoNbd:
    """Return the maximum likelihood model, started from the plain Pareto/NBD.

    Parameters
    ----------
    histories
        One row per customer.
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
    plain = fit_pareto_nbd(rows.counts)
    k = rows.traits.shape[1] if traits else 0

    def build(theta: FloatArray) -> AgeingParetoNbd:
        r, alpha, s, beta = (float(value) for value in theta[:4])
        return AgeingParetoNbd(r, alpha, s, beta, build_clock(theta, rows, clock))

    start = (plain.r, plain.alpha, plain.s, plain.beta)
    model = build(climb(start, lambda theta: _score(build(theta), rows), clock=clock, gains=k))
    alpha = model.alpha * unit**model.clock.pace
    return AgeingParetoNbd(model.r, alpha, model.s, model.beta * unit, model.clock)


def _pieces(model: AgeingParetoNbd, histories: Histories) -> _Pieces:
    """Return both parts of the likelihood over (alpha + tau(t))^-p (1 + t/beta)^-s.

    Nodes are Gauss-Legendre in log(1 + y / scale) as in ``pareto_nbd``; the scale takes the speed
    of the clock no earlier than a hundredth of the age, where a pace below 1 has none.
    """
    counts, pace = histories.counts, model.clock.pace
    p, last, gap = model.r + counts.frequency, counts.recency, counts.age - counts.recency
    rate = model.alpha / model.clock.factor(histories.traits)
    bought, b = rate + last**pace, model.beta + last
    early = np.maximum(np.maximum(last, 0.01 * counts.age), FIRST_MOMENT)
    scale = 1.0 / (p * pace * early ** (pace - 1.0) / (rate + early**pace) + (model.s + 1.0) / b)
    half = np.log1p(gap / scale) / 2.0
    u = half[:, None] * (NODES + 1.0)
    y = scale[:, None] * np.expm1(u)
    node = last[:, None] + y
    slower = np.log((rate[:, None] + node**pace) / bought[:, None])
    log_term = u - p[:, None] * slower - (model.s + 1.0) * np.log1p(y / b[:, None])
    term = model.s * np.exp(log_term) * WEIGHTS * (half * scale / b)[:, None]
    kept = np.exp(-p * np.log((rate + counts.age**pace) / bought) - model.s * np.log1p(gap / b))
    return _Pieces(rate, kept, term.sum(axis=1), node, term)


def _log_rows(model: AgeingParetoNbd, histories: Histories, pieces: _Pieces) -> FloatArray:
    counts, pace, rate = histories.counts, model.clock.pace, pieces.rate
    x = counts.frequency
    known = gammaln(model.r + x) - gammaln(model.r) + model.r * np.log(rate)
    known += x * np.log(pace) + (pace - 1.0) * histories.log_times
    known -= (model.r + x) * np.log(rate + counts.recency**pace)
    known -= model.s * np.log1p(counts.recency / model.beta)
    return np.asarray(known + np.log(pieces.kept + pieces.mass))


def _log(time: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(time, FIRST_MOMENT)))


def _score(model: AgeingParetoNbd, histories: Histories) -> tuple[float, FloatArray]:
    """Return the log likelihood and its gradient in (r, alpha, s, beta, pace, gains...)."""
    counts, pace, pieces = histories.counts, model.clock.pace, _pieces(model, histories)
    p, age, node, term = model.r + counts.frequency, counts.age, pieces.node, pieces.term
    rate, total = pieces.rate[:, None], pieces.kept + pieces.mass

    def mean(at_end: FloatArray, at_node: FloatArray) -> FloatArray:
        """Return the average of a quantity over the two parts of the likelihood."""
        return np.asarray((pieces.kept * at_end + (term * at_node).sum(axis=1)) / total)

    end, inside = age**pace, node**pace
    near, within = 1.0 / (pieces.rate + end), 1.0 / (rate + inside)
    by_r = psi(p) - psi(model.r) + np.log(pieces.rate) + mean(np.log(near), np.log(within))
    by_log_rate = model.r - p * pieces.rate * mean(near, within)
    stop_end, stop_node = np.log1p(age / model.beta), np.log1p(node / model.beta)
    stopped = pieces.mass / total
    by_s = stopped / model.s - mean(stop_end, stop_node)
    beyond = mean(age / (model.beta + age), node / (model.beta + node))
    died = (term * node / (model.beta + node)).sum(axis=1) / total
    by_beta = (model.s * beyond + died - stopped) / model.beta
    slower = mean(end * _log(age) * near, inside * _log(node) * within)
    by_pace = counts.frequency / pace + histories.log_times - p * slower
    # a gain speeds the clock of its trait: it divides the rate, one power per standard deviation
    by_gains = -by_log_rate[:, None] * histories.traits / np.array(model.clock.gains)
    columns = [by_r, by_log_rate / model.alpha, by_s, by_beta, by_pace, *by_gains.T]
    value = float(counts.weight @ _log_rows(model, histories, pieces))
    return value, np.array([counts.weight @ column for column in columns])
