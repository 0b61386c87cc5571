"""Deals as they are opened: from leads, by reps on their own, from customers who ask for more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_book import Book, Index
from lifecycle.world.deals_record import NONE
from lifecycle.world.leads import CHANNEL_QUALITY, SALES_REGION_OF, Leads, draw_who
from lifecycle.world.presets import CHANNELS, TERMS, WorldParams
from lifecycle.world.seams import ExpansionTriggers
from lifecycle.world.sellers import REP, Sellers

Floats = npt.NDArray[np.float64]

NEW_BUSINESS, EXPANSION = range(2)
KINDS = ("new_business", "expansion")
SOURCES = ("lead", "rep", "customer")
FROM_LEAD, FROM_REP, FROM_CUSTOMER = range(3)
RIVALS = ("", "Northwind", "Bluepeak", "Oakline", "in_house")
RIVAL_SHARES = (0.55, 0.16, 0.12, 0.07, 0.10)
RIVAL_QUALITY = -0.3

QUALITY_SD = 0.55
FIT_QUALITY = 0.35
HEALTH_QUALITY = 0.35
KIND_QUALITY = (0.0, 0.0)
MOMENTUM_SD, MOMENTUM_MEMORY = 0.3, 0.85
"""Stationary deviation and weekly memory of how a deal goes for the moment."""

READY_WEEKS = np.array([(6.0, 10.0, 17.0), (4.0, 6.0, 9.0)])
READY_SIGMA = 0.55
"""Median and log deviation of the weeks until the buyer decides: kind × segment."""

DISCOUNT_MEAN = np.array([0.06, 0.11, 0.17])
EXPANSION_MEDIAN, EXPANSION_SIGMA = 0.38, 0.5
"""Added share of the present price in an expansion deal."""

TAKEN_UP_SHARE = 0.55
"""Customers who ask for more of whom somebody makes a deal."""

RETURN_SHARE, RETURN_WEEKS = 0.5, 13
"""Reps' own deals that go back to a prospect lost at least so many weeks ago."""

STOCK_WEEKS = 9
"""Mean age of the deals under way when the clock starts."""

NEVER_LOST = np.iinfo(np.int32).max

DEALS: dict[str, Any] = {
    **dict.fromkeys(("kind", "segment", "industry", "region", "channel", "source"), np.int8),
    **dict.fromkeys(("stage", "state", "category", "competitor", "rival"), np.int8),
    **dict.fromkeys(("account", "list_minor", "amount", "mrr_minor"), np.int64),
    **dict.fromkeys(("lead", "owner", "week", "close_on", "prospect"), np.int32),
    **dict.fromkeys(("created", "closed", "next_step", "last_known"), np.float64),
    **dict.fromkeys(("fit", "quality", "momentum", "ready", "seats"), np.float32),
    **dict.fromkeys(("final_discount", "discount"), np.float32),
    "term": np.int16,
    "dead": np.bool_,
}
PROSPECTS: dict[str, Any] = {
    **dict.fromkeys(("segment", "industry", "region", "channel"), np.int8),
    "fit": np.float32,
    "created": np.float64,
    "owner": np.int32,
    "lost_week": np.int32,
}


@dataclass(frozen=True)
class Asked:
    """Who deals are about and where they come from: arrays of one length, or one value for all."""

    who: dict[str, Any]
    source: int
    quality: Any
    list_minor: Any
    prospect: Any = -1
    account: Any = -1
    lead: Any = -1


class Openings:
    """Makes deals and the prospects they are about.

    Parameters
    ----------
    params
        The world: sizes, prices and terms.
    book
        The deals.
    rng
        Draws of this entity type alone.
    """

    def __init__(self, params: WorldParams, book: Book, rng: np.random.Generator) -> None:
        self._params, self._book, self._rng = params, book, rng
        self.prospects = Book(PROSPECTS)

    def from_leads(self, week: int, leads: Leads, due: Index, sellers: Sellers) -> Index:
        """Open one deal of new business for each lead due in this week."""
        book = leads.book
        names = ("segment", "industry", "region", "channel", "fit", "owner")
        who = {name: book[name][due].copy() for name in names}
        who["owner"] = sellers.current(who["owner"])
        prospects = self.prospects.add(
            len(due), created=book["created"][due], lost_week=NEVER_LOST, **who
        )
        deals = self._new_business(
            week, book["closed"][due], who=who, prospects=prospects, lead=due
        )  # fmt: skip
        leads.convert(due, deals)
        return deals

    def from_reps(self, week: int, count: int, sellers: Sellers) -> Index:
        """Open deals that reps find on their own, half of them with prospects lost before."""
        rng, prospects = self._rng, self.prospects
        created = self._workday(week, count)
        lost = np.flatnonzero(prospects["lost_week"] <= week - RETURN_WEEKS)
        again = min(rng.binomial(count, RETURN_SHARE), len(lost))
        old = rng.choice(lost, again, replace=False) if again else np.zeros(0, np.int64)
        who = draw_who(self._params, rng, count - again)
        owner = sellers.pick(SALES_REGION_OF[who["region"]], rng, role=REP)
        new = prospects.add(
            count - again, **who, channel=CHANNELS.index("outbound"), owner=owner,
            fit=rng.normal(0.2, 1, count - again), created=created[again:], lost_week=NEVER_LOST,
        )  # fmt: skip
        places = np.concatenate([old, new]).astype(np.int64)
        prospects["lost_week"][places] = NEVER_LOST
        names = ("segment", "industry", "region", "channel", "fit")
        who = {name: prospects[name][places].copy() for name in names}
        who["owner"] = sellers.pick(SALES_REGION_OF[who["region"]], rng, role=REP)
        return self._new_business(week, created, who=who, prospects=places)

    def from_triggers(self, week: int, triggers: ExpansionTriggers, sellers: Sellers) -> Index:
        """Open one expansion deal for most accounts that ask for more.

        Small customers are served by their success manager, the others by a rep of the region.
        """
        rng = self._rng
        taken = np.flatnonzero(rng.random(len(triggers.account_index)) < TAKEN_UP_SHARE)
        segment, region = triggers.segment[taken], triggers.region[taken]
        reps = sellers.pick(SALES_REGION_OF[region], rng, role=REP)
        owner = np.where(segment == 0, sellers.csm(triggers.csm[taken]), reps)
        count = len(taken)
        growth = EXPANSION_MEDIAN * np.exp(rng.normal(0, EXPANSION_SIGMA, count))
        asked = Asked(
            {"segment": segment, "region": region, "owner": owner,
             "industry": -1, "channel": -1, "fit": 0.0},
            FROM_CUSTOMER, HEALTH_QUALITY * triggers.health[taken],
            triggers.base_mrr_minor[taken] * np.clip(growth, 0.03, 1.5),
            account=triggers.account_index[taken],
        )  # fmt: skip
        return self._open(EXPANSION, week, created=self._workday(week, count), asked=asked)

    def stock(self, weekly: float, sellers: Sellers) -> Index:
        """Open the deals that are under way when the clock starts, older ones further along.

        Parameters
        ----------
        weekly
            Deals of new business a week.
        sellers
            Who has them.
        """
        rng, book = self._rng, self._book
        ages = np.arange(1, 2 * STOCK_WEEKS)
        ages = np.repeat(ages, rng.poisson(weekly * np.exp(-ages / STOCK_WEEKS)))
        who: dict[str, Any] = {**draw_who(self._params, rng, len(ages))}
        who["owner"] = sellers.pick(SALES_REGION_OF[who["region"]], rng, role=REP)
        channel = rng.choice(len(CHANNELS), len(ages))
        created = self._workday(0, len(ages)) - 7 * ages
        who |= {"channel": channel, "fit": rng.normal(0.3, 1, len(ages))}
        prospects = self.prospects.add(len(ages), created=created, lost_week=NEVER_LOST, **who)
        deals = self._new_business(0, created, who=who, prospects=prospects)
        book["week"][deals] = -ages
        book["ready"][deals] -= ages
        book["stage"][deals] = np.minimum(rng.poisson(ages * 0.2), 4)
        return deals

    # inside

    def _workday(self, week: int, count: int) -> Floats:
        rng = self._rng
        return np.asarray(
            7 * week + rng.integers(0, 5, count) + rng.integers(480, 1080, count) / 1440
        )

    def _new_business(
        self, week: int, created: Floats, *, who: dict[str, Any], prospects: Index, lead: Any = -1
    ) -> Index:
        mix, rng, segment = self._params.mix, self._rng, who["segment"]
        sigma = np.array(mix.mrr_sigma)[segment]
        price = np.array(mix.mrr_median_minor)[segment]
        price = price * np.exp(rng.normal(0, 1, len(sigma)) * sigma)
        quality = CHANNEL_QUALITY[who["channel"]] + FIT_QUALITY * who["fit"]
        asked = Asked(
            who, FROM_REP if np.isscalar(lead) else FROM_LEAD, quality,
            price / (1 - DISCOUNT_MEAN[segment]), prospect=prospects, lead=lead,
        )  # fmt: skip
        return self._open(NEW_BUSINESS, week, created=created, asked=asked)

    def _open(self, kind: int, week: int, *, created: Floats, asked: Asked) -> Index:
        rng, count = self._rng, len(created)
        segment = np.asarray(asked.who["segment"], np.int64)
        rival = rng.choice(len(RIVALS), count, p=RIVAL_SHARES)
        quality = KIND_QUALITY[kind] + asked.quality + rng.normal(0, QUALITY_SD, count)
        wait = READY_WEEKS[kind, segment] * np.exp(rng.normal(0, READY_SIGMA, count))
        mean = DISCOUNT_MEAN[segment]
        seat = np.array(self._params.mix.seat_price_minor)[segment]
        return self._book.add(
            count, **asked.who, kind=kind, source=asked.source, prospect=asked.prospect,
            account=asked.account, lead=asked.lead, created=created, week=week, rival=rival,
            quality=quality + RIVAL_QUALITY * (rival > 0), ready=week + wait, stage=0, state=0,
            momentum=rng.normal(0, MOMENTUM_SD, count), list_minor=asked.list_minor,
            final_discount=np.round(rng.beta(2, 2 / mean - 2), 3), discount=0.0, competitor=0,
            seats=np.maximum(1, np.rint(asked.list_minor / seat)), amount=NONE, closed=np.nan,
            term=self._terms(segment), last_known=created, next_step=np.nan, dead=False,
        )  # fmt: skip

    def _terms(self, segment: Index) -> npt.NDArray[np.int64]:
        shares = np.array(self._params.mix.term_shares).cumsum(axis=1)[segment]
        place = (self._rng.random((len(segment), 1)) > shares[:, :-1]).sum(axis=1)
        return np.asarray(np.array(TERMS)[place])
