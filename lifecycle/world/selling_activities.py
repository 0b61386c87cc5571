"""Contact between sellers and prospects: e-mails, calls and meetings; good deals answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_book import Book, Index, Rows

KINDS = ("email", "email", "call", "meeting")
DIRECTIONS = ("out", "in", "out", None)
OUTCOMES = (None, "answered", "no_answer", "held", "no_show")
NO_OUTCOME, ANSWERED, NO_ANSWER, HELD, NO_SHOW = range(5)
EMAIL_OUT, EMAIL_IN, CALL, MEETING = range(4)

RATES = np.array(
    [  # one row a stage: weekly e-mails out, e-mails in, calls, meetings at quality 0
        (0.50, 0.22, 0.18, 0.08),
        (0.50, 0.32, 0.16, 0.16),
        (0.50, 0.40, 0.14, 0.22),
        (0.55, 0.50, 0.16, 0.22),
        (0.60, 0.60, 0.20, 0.22),
    ]
)
QUALITY_LOG = np.array([0.2, 1.0, 0.2, 0.8])
"""Log of the multiplier per unit of quality: what they do depends on it more than what we do."""

DEAD_RATES = np.array([0.20, 0.01, 0.05, 0.0])
MEAN_PEOPLE = 1.2
"""People of theirs in a meeting beyond the first, at stage 2 and quality 0."""

TONE_KNOWN_SHARE = 0.4

ACTIVITIES = {
    "deal": np.int32,
    "owner": np.int32,
    "at": np.float64,
    "kind": np.int8,
    "outcome": np.int8,
    "minutes": np.float32,
    "people": np.float32,
    "tone": np.float32,
}


class SellingActivities:
    """Writes down a week's contacts over all open deals.

    Parameters
    ----------
    rng
        Draws of this entity type alone.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.rows = Rows(ACTIVITIES)

    def step(self, week: int, book: Book, *, deals: Index, quality: npt.NDArray[Any]) -> None:
        """Draw the contacts of a week.

        Parameters
        ----------
        week
            The week.
        book
            State of the deals before they move.
        deals
            Deals open in the sales system, shape (n,).
        quality
            Their quality in this week, shape (n,).
        """
        rng = self._rng
        rates = RATES[book["stage"][deals]] * np.exp(QUALITY_LOG * quality[:, None])
        rates = np.where(book["dead"][deals][:, None], DEAD_RATES, rates)
        counts = rng.poisson(rates)
        place = np.repeat(np.arange(len(deals)), counts.sum(axis=1))
        kind = np.repeat(np.tile(np.arange(4), len(deals)), counts.ravel())
        count, quality = len(place), quality[place]
        meets = (kind == MEETING) & (rng.random(count) > 0.16 * np.exp(-0.6 * quality))
        crowd = MEAN_PEOPLE * np.exp(0.25 * quality) * (1 + 0.3 * (book["stage"][deals[place]] - 2))
        tone = np.tanh(0.3 * quality + rng.normal(0, 0.5, count))
        self.rows.add(
            count, deal=deals[place], owner=book["owner"][deals[place]], kind=kind,
            at=self._when(week, kind), outcome=self._outcomes(kind, meets),
            minutes=self._minutes(kind, meets),
            people=np.where(meets, 1 + rng.poisson(crowd), np.nan),
            tone=np.where(rng.random(count) < TONE_KNOWN_SHARE, tone, np.nan),
        )  # fmt: skip

    def _when(self, week: int, kind: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return instants: office hours for what we do, any hour of the day for their e-mails."""
        rng, count = self._rng, len(kind)
        hours = np.where(kind == EMAIL_IN, rng.uniform(6, 23, count), rng.uniform(8, 18, count))
        return np.asarray(7 * week + rng.integers(0, 5, count) + hours / 24)

    def _outcomes(
        self, kind: npt.NDArray[Any], meets: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        answered = self._rng.random(len(kind)) < 0.45
        calls = np.where(answered, ANSWERED, NO_ANSWER)
        meetings = np.where(meets, HELD, NO_SHOW)
        return np.where(kind == CALL, calls, np.where(kind == MEETING, meetings, NO_OUTCOME))

    def _minutes(
        self, kind: npt.NDArray[Any], meets: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        rng, count = self._rng, len(kind)
        long = np.where(meets, rng.choice([30.0, 45.0, 60.0], count), np.nan)
        return np.where(kind == CALL, np.ceil(rng.exponential(8, count)), long)
