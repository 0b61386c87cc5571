"""A small made-up sales team: open deals on weekly landmarks, closing by a law that is known.

Every deal is won or lost at even rates of its own, which hang on how far it is and how its talks
go; nothing else matters. Wins end nine per cent below the amount that stood there.
"""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from models.base import Examples

FIRST = date(2022, 1, 3)
STAGES = np.array(["1 discovery", "2 demo", "3 proposal", "4 contract"])
QUARTER_DAYS = 91
DISCOUNT = 0.91


class Funnel:
    """Deals created evenly over some quarters; ``until`` is the day knowledge ends."""

    def __init__(self, deals=1500, quarters=6, seed=5, zombies=0):
        self.rng = rng = np.random.default_rng(seed)
        self.until = quarters * QUARTER_DAYS
        n = self.deals = deals + zombies
        self.stage, self.mood = rng.integers(0, 4, n), rng.normal(size=n)
        is_zombie = np.arange(n) >= deals
        won = np.exp(-4.1 + 0.5 * self.stage + 0.7 * self.mood)
        lost = np.exp(-3.1 - 0.2 * self.stage - 0.3 * self.mood)
        # a zombie looks like a deal far on its way, and never closes
        self.won_rate, self.lost_rate = (np.where(is_zombie, 0.0, r) for r in (won, lost))
        self.stage = np.where(is_zombie, 3, self.stage)
        self.created = np.where(is_zombie, 0, rng.integers(0, self.until, n))
        rate = np.maximum(self.won_rate + self.lost_rate, 1e-9)
        self.closed = self.created + 7 * rng.exponential(1.0, n) / rate
        self.won = rng.random(n) < self.won_rate / rate
        self.segment = rng.integers(0, 3, n)
        self.amount = np.round(np.exp(rng.normal(13, 0.8, n)))
        self.final = np.round(self.amount * DISCOUNT * np.exp(rng.normal(-0.02, 0.2, n)))
        self.due = self.created + rng.integers(10, 120, n)

    def rows(self):
        """Deal and day of every landmark on which a deal was open."""
        days = np.arange(0, self.until, 7)
        deal, place = np.nonzero((self.created[:, None] <= days) & (self.closed[:, None] > days))
        order = np.lexsort((deal, place))
        return deal[order], days[place[order]]

    def frame(self, deal, day):
        rng, n = np.random.default_rng(len(deal)), len(deal)
        left = QUARTER_DAYS - day % QUARTER_DAYS
        pushes = np.maximum((day - self.due[deal]) // 30 + 1, 0)
        close = self.due[deal] + 30 * pushes - day
        dates = [FIRST + timedelta(days=int(one)) for one in day]
        return pa.table(
            {
                "opportunity_id": np.char.add("o", deal.astype(str)),
                "account_id": np.char.add("a", (deal // 2).astype(str)),
                "owner_id": np.char.add("p", (deal % 9).astype(str)),
                "as_of": pa.array(dates, pa.date32()),
                "close_on": pa.array(dates, pa.date32()),
                "currency": ["EUR"] * n,
                "stage": STAGES[self.stage[deal]],
                "segment": np.array(["large", "mid", "small"])[self.segment[deal]],
                "stage_position": self.stage[deal] + 0.0,
                "stage_win_share": self.stage[deal] / 4 + 0.1,
                "sentiment_mean": self.mood[deal],
                "quarter_week": (QUARTER_DAYS - left) / 7 + 0.0,
                "weeks_left": left / 7,
                "quarter_days_left": left + 0.0,
                "close_days": close + 0.0,
                "close_in_quarter": (close < left) + 0.0,
                "overdue_days": np.maximum(-close, 0.0),
                "push_count": pushes + 0.0,
                "two_way_silence_days": rng.integers(0, 60, n) + 0.0,
                "age_days": day - self.created[deal] + 0.0,
                "is_commit": (self.stage[deal] == 3) + 0.0,
                "amount_minor": self.amount[deal],
                "amount_log": np.log(self.amount[deal]),
                "number:noise": rng.normal(size=n),
                "text:region": rng.choice(["north", "south"], n),
            }
        )

    def outcomes(self, deal, day):
        closed, ended = self.closed[deal], self.closed[deal] < self.until
        end = day - day % QUARTER_DAYS + QUARTER_DAYS
        won = self.won[deal] & ended
        return pa.table(
            {
                "won_in_quarter": np.where(end <= self.until, (won & (closed < end)) + 0.0, np.nan),
                "closed_days": np.where(ended, np.floor(closed - day), np.nan),
                "won": np.where(ended, won + 0.0, np.nan),
                "observed_days": self.until - day + 0.0,
                "final_amount_minor": np.where(won, self.final[deal], np.nan),
                "slipped": np.full(len(deal), np.nan),
                "deal_rows_count": np.bincount(deal)[deal] + 0.0,
            }
        )

    def examples(self, every=1):
        """Landmarks of every so many weeks, with outcomes."""
        deal, day = self.rows()
        kept = day % (7 * every) == 0
        deal, day = deal[kept], day[kept]
        after = self.outcomes(deal, day)
        label = np.nan_to_num(after.column("won_in_quarter").to_numpy())
        as_of = np.datetime64(FIRST, "D") + day.astype("timedelta64[D]")
        return Examples(self.frame(deal, day), label, as_of, 0, after)

    def truth(self, deal, days):
        """P(won within days), shape (n,): even rates compete."""
        won, both = self.won_rate[deal], self.won_rate[deal] + self.lost_rate[deal]
        return won / both * -np.expm1(-both * days / 7)


def held_out(seed=99, deals=600):
    """Open deals of another team's middle quarter: funnel, deal, day, frame."""
    other = Funnel(deals=deals, seed=seed)
    deal, day = other.rows()
    kept = (day >= 2 * QUARTER_DAYS) & (day < 3 * QUARTER_DAYS)
    deal, day = deal[kept], day[kept]
    return other, deal, day, other.frame(deal, day)
