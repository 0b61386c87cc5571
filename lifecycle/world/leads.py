"""Leads: how many come in by channel, who they are, and which of them become deals."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_book import Book, Index
from lifecycle.world.deals_calendar import SellingCalendar
from lifecycle.world.presets import INDUSTRIES, REGIONS, SEGMENTS, WorldParams
from lifecycle.world.sellers import REP, Sellers

SALES_REGIONS = ("AMER", "EMEA")
SALES_REGION_OF = np.array([0, 1, 1, 1, 1, 0])
"""Sales region of each country of ``REGIONS``."""

CONVERSION = np.array([0.30, 0.12, 0.40, 0.16, 0.20])
"""Share of leads of average fit that become deals, by channel."""

CHANNEL_QUALITY = np.array([0.15, -0.15, 0.30, 0.0, -0.10])
"""What the channel adds to a deal's quality."""

FIT_CONVERSION = 0.4
"""Log of the multiplier of converting per unit of fit."""

DISPERSION = 25.0
"""NegBin size of a channel's weekly leads: variance = mean + mean² / size."""

WORKED_SHARE = 0.6
"""Leads that become nothing and are closed as such; the others stay open for good."""

CAMPAIGNS = 6
"""Campaigns a channel runs in a year."""

OPEN, QUALIFIED, CONVERTED, DISQUALIFIED = range(4)
STATUSES = ("open", "qualified", "converted", "disqualified")

LEADS = {
    "created": np.float64,
    "qualified": np.float64,
    "closed": np.float64,
    "fate": np.int8,
    "channel": np.int8,
    "campaign": np.int16,
    "segment": np.int8,
    "industry": np.int8,
    "region": np.int8,
    "fit": np.float32,
    "owner": np.int32,
    "deal": np.int32,
}


class Leads:
    """The top of the funnel.

    Parameters
    ----------
    params
        The world: who its accounts are says who its leads are.
    calendar
        Season of new leads.
    rng
        Draws of this entity type alone.
    deals_week
        Deals a week that leads should become (count).
    """

    def __init__(
        self,
        params: WorldParams,
        calendar: SellingCalendar,
        rng: np.random.Generator,
        *,
        deals_week: float,
    ) -> None:
        self._params, self._calendar, self._rng = params, calendar, rng
        self._weekly = deals_week * np.array(params.mix.channel_shares) / CONVERSION
        # a convex function's mean is above its value at the mean, by Jensen
        self._weekly /= np.exp(FIT_CONVERSION**2 / 2)
        self._due: defaultdict[int, list[Index]] = defaultdict(list)
        self.book = Book(LEADS)

    def step(self, week: int, volume: float, sellers: Sellers) -> Index:
        """Let a week's leads come in; return those that become deals in this week.

        Parameters
        ----------
        week
            The week.
        volume
            Log multiplier of how many come in: the economy.
        sellers
            Who follows them up; a short-handed team draws fewer in.
        """
        scale = np.exp(self._calendar.season[week] + volume) * np.sqrt(sellers.capacity(week))
        mean = np.maximum(self._weekly * scale, 1e-9)
        counts = self._rng.negative_binomial(DISPERSION, DISPERSION / (DISPERSION + mean))
        channel = np.repeat(np.arange(len(counts)), counts)
        if len(channel):
            self._add(week, channel, sellers)
        due = self._due.pop(week, [])
        return np.concatenate(due) if due else np.zeros(0, np.int64)

    def convert(self, leads: Index, deals: Index) -> None:
        """Note which deal each lead became."""
        self.book["deal"][leads] = deals

    def _add(self, week: int, channel: npt.NDArray[Any], sellers: Sellers) -> None:
        rng, count = self._rng, len(channel)
        who = draw_who(self._params, rng, count)
        fit = rng.standard_normal(count)
        chance = CONVERSION[channel] * np.exp(FIT_CONVERSION * fit)
        converts = rng.random(count) < np.minimum(chance, 0.95)
        worked = converts | (rng.random(count) < WORKED_SHARE)
        created = 7 * week + rng.uniform(0.3, 6.7, count)
        wait = rng.geometric(0.45, count) + np.where(converts, 0, 2)
        closed = 7.0 * (week + wait) + rng.integers(0, 5, count) + rng.uniform(8, 18, count) / 24
        qualified = created + (closed - created) * rng.uniform(0.1, 0.8, count)
        accepted = converts | (worked & (rng.random(count) < 0.3))
        year = (self._calendar.quarter[week] // 4) * CAMPAIGNS
        leads = self.book.add(
            count, created=created, fit=fit, channel=channel, deal=-1, **who,
            qualified=np.where(accepted, qualified, np.nan),
            closed=np.where(worked, closed, np.nan),
            fate=np.where(converts, CONVERTED, np.where(worked, DISQUALIFIED, OPEN)),
            campaign=year + rng.integers(0, CAMPAIGNS, count),
            owner=sellers.pick(SALES_REGION_OF[who["region"]], rng, role=REP),
        )  # fmt: skip
        for delay in np.unique(wait[converts]):
            self._due[week + int(delay)].append(leads[converts & (wait == delay)])


def draw_who(
    params: WorldParams, rng: np.random.Generator, count: int
) -> dict[str, npt.NDArray[np.int64]]:
    """Draw segment, industry and country (as places in the world's lists) of new prospects."""
    mix = params.mix
    return {
        "segment": rng.choice(len(SEGMENTS), count, p=_shares(mix.segment_shares)),
        "industry": rng.choice(len(INDUSTRIES), count, p=_shares(mix.industry_shares)),
        "region": rng.choice(len(REGIONS), count, p=_shares(mix.region_shares)),
    }


def _shares(shares: tuple[float, ...]) -> npt.NDArray[np.float64]:
    return np.asarray(np.array(shares) / np.sum(shares))
