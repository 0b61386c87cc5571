"""A small made-up company with contracts, as contract frames of many past days with a known truth.

Every account leaves by a log-linear monthly hazard: use trend, tickets, a late payment, the last
survey, and whether a notice deadline falls in the month. Nothing else matters.
"""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from models.base import Examples
from models.contract.events import MONTH_DAYS

FIRST = date(2021, 1, 4)
HORIZON = 90
WEIGHTS = {"trend": -0.9, "tickets": 0.5, "late": 0.6, "unhappy": 0.7}


class Book:
    """Accounts on past days 30 days apart, each day a fresh draw of health for every account."""

    def __init__(self, accounts=500, days=18, seed=3, level=-5.4):
        self.accounts, self.days, self.level = accounts, days, level
        self.rng = np.random.default_rng(seed)
        n = accounts
        self.segment = self.rng.integers(0, 3, n)
        self.term = self.rng.choice([1.0, 12.0, 24.0], n, p=[0.3, 0.5, 0.2])
        self.renews = self.rng.uniform(0, 1, n) * self.term * MONTH_DAYS
        self.mrr = np.round(np.exp(self.rng.normal(11, 0.7, n)))
        self.age = self.rng.uniform(30, 1500, n)
        self.plan = self.rng.choice(["basic", "plus", "pro"], n)

    def at(self, day):
        """One frame, its true monthly log hazards (n, 12) and outcomes."""
        n, rng = self.accounts, self.rng
        term_days = self.term * MONTH_DAYS
        renewal = np.mod(self.renews - day * 30, term_days)
        deadline = np.where(self.term > 1, np.mod(renewal - 30, term_days), renewal)
        x = {"trend": rng.normal(size=n), "tickets": rng.poisson(1.0, n) + 0.0}
        x["late"] = (rng.random(n) < 0.2) + 0.0
        answered = rng.random(n) < 0.6
        x["unhappy"] = rng.normal(size=n)
        z = self.level + sum(w * x[name] for name, w in WEIGHTS.items())
        month = np.floor(deadline / MONTH_DAYS)[:, None] == np.arange(12)
        logits = z[:, None] + np.where(self.term[:, None] > 1, 2.5 * month, 1.0)
        frame = pa.table(
            {
                "account_id": [f"a{i:05d}" for i in range(n)],
                "under_notice": np.zeros(n),
                "mrr_minor": self.mrr,
                "renewal_days": renewal,
                "notice_deadline_days": deadline,
                "term_months": self.term,
                "tenure_days": self.age + day * 30,
                "segment": np.array(["large", "mid", "small"])[self.segment],
                "events_84d_364d_log": x["trend"],
                "severe_tickets_90d_count": x["tickets"],
                "late_365d_count": x["late"],
                "nps_score": np.where(answered, -x["unhappy"], np.nan),
                "number:noise": rng.normal(size=n),
                "text:plan": self.plan,
                "as_of": pa.array([FIRST + timedelta(days=30 * day)] * n, pa.date32()),
            }
        )
        return frame, logits

    def outcomes(self, logits, seen):
        risk = 1 / (1 + np.exp(-logits))
        left = self.rng.random(risk.shape) < risk
        month = np.where(left.any(axis=1), left.argmax(axis=1), np.nan)
        decided = np.floor((month + self.rng.random(len(month))) * MONTH_DAYS)
        decided = np.where(decided < seen, decided, np.nan)
        cause = np.where(self.rng.random(len(month)) < 0.7, "nonrenewal", "midterm")
        return pa.table(
            {
                "decided_days": decided,
                "effective_days": decided + 30,
                "cause": pa.array(cause, mask=np.isnan(decided)),
                "observed_days": np.full(len(month), float(seen)),
            }
        )

    def examples(self, horizon=HORIZON):
        frames, after, stamps = [], [], []
        for day in range(self.days):
            frame, logits = self.at(day)
            after.append(self.outcomes(logits, horizon + 30 * (self.days - day)))
            frames.append(frame)
            stamps.append(np.full(self.accounts, np.datetime64(FIRST, "D") + 30 * day))
        outcomes = pa.concat_tables(after)
        decided = outcomes.column("decided_days").to_numpy()
        label = (decided < horizon).astype(float)
        frame = pa.concat_tables(frames)
        return Examples(frame, label, np.concatenate(stamps), horizon, outcomes)


def true_risk(logits, horizon=HORIZON):
    """P(leave within the horizon) of true monthly log-odds, linear inside a month on the log."""
    steps = np.log1p(-1 / (1 + np.exp(-logits)))
    weight = np.clip(horizon / MONTH_DAYS - np.arange(12), 0, 1)
    return 1 - np.exp((steps * weight).sum(axis=1))
