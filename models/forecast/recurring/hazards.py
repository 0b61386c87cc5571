"""How lines leave and change, learned from what a book knows: compact enough to refit every day.

Leaving at the end of a term is a logistic of segment, tenure, size and length of term, drawn to no
effect; leaving at any other time is a rate by segment, drawn to that of all. Size at a renewal is
the sorted list of past ratios. How far the last months' decisions lay off what this expects is the
common shock: a gamma posterior around 1 (prior deviation 0.2), as the design has it for wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.deals.days import NEVER, SPAN, Floats, Ints
from models.forecast.recurring.book import Book, Terms
from models.forecast.recurring.facts import KIND_CODES, NOTICE, WITHDRAWN, Flags

YEAR_DAYS = 365.25
LEARNED_DAYS, RATE_DAYS = 3 * 366, 366
SHOCK_DAYS, HALF_LIFE_DAYS = 91, 56
PRIOR_EVENTS = 25.0
"""Events that a prior deviation of 0.2 is worth (1 / 0.2 squared)."""
AT_ONCE, OPEN_AT_ONCE, BY_NOTICE = range(3)
"""Daily ways to leave: lines with a term, open ones, and open ones by notice."""
FEWEST_RATIOS = 60
LEVELS = 256
NONRENEWAL = KIND_CODES["nonrenewal"]
PRICE = KIND_CODES["price_change"]
SLOPE_PRIOR, RATE_SLOPE_PRIOR = 1.0, 0.5


@dataclass(frozen=True)
class Rates:
    """What a book teaches.

    Attributes
    ----------
    weights
        Of the logistic: constant, segments, tenure, size, two steps of the term's length.
    centre
        (segments + 1,) median MRR by segment, last of all lines (minor units).
    daily
        Weights, on the same columns, of the log chance a day to leave: at once, of lines with a
        term and of open ones, and by notice of open ones.
    told_late
        Sorted days by which past leavers' notices came to be known after their deadline.
    withdrawn_share
        Share of notices taken back.
    ratios
        (3, 256) sorted ratios of MRR after over before a renewal, price apart, by term length.
    price
        Mean price change at a renewal (a share) where none is agreed.
    shock, shock_sd
        Log multiplier of leaving: posterior mean and deviation.
    """

    weights: Floats
    centre: Floats
    daily: tuple[Floats, Floats, Floats]
    told_late: Floats
    withdrawn_share: float
    ratios: Floats
    price: float
    shock: float
    shock_sd: float

    def renewal_log_odds(self, book: Book, line: Ints, day: Ints) -> Floats:
        """Return the log-odds that lines leave when their term ends on a day, (n,)."""
        found: Floats = _columns(book, self.centre, line=line, day=day) @ self.weights
        return found

    def leaving_share(self, book: Book, line: Ints, *, way: int, days: Ints) -> Floats:
        """Return the chance of lines to leave within so many days by one of the daily ways."""
        columns = _columns(book, self.centre, line=line, day=np.full(len(line), book.day + 1))
        rate = np.exp(np.clip(columns @ self.daily[way], -30.0, 2.0))
        return np.asarray(-np.expm1(-rate * np.maximum(days, 0)))

    def unseen_share(self, days: Ints) -> Floats:
        """Return the share of leavers not known so many days after their deadline, (n,)."""
        known = np.searchsorted(self.told_late, days, side="right")
        return np.where(days < 0, 1.0, 1.0 - known / max(len(self.told_late), 1))


def learn_rates(book: Book) -> Rates:
    """Learn from everything the book knows of the three years before its day."""
    past = _past_terms(book)
    left = book.level_at(past.line, past.day) <= 0
    centre = _centre(book)
    weights = _fit(_columns(book, centre, line=past.line, day=past.day), left)
    late, withdrawn = _notices(book, past, left)
    ratios, price = _ratios(book, past, left)
    found = Rates(weights, centre, _daily(book, centre), late, withdrawn, ratios, price, 0.0, 0.0)
    shock, deviation = _shock(book, found)
    return Rates(**{**vars(found), "shock": shock, "shock_sd": deviation})


def term_class(months: Floats) -> Ints:
    """Return 0 for terms up to a year, 1 up to two years, 2 beyond."""
    years = np.nan_to_num(months, nan=12.0) / 12.0
    return np.asarray((years > 1.01).astype(np.int64) + (years > 2.01))


def history_start(book: Book) -> int:
    """Return the first day on which anything but a beginning is on record.

    Older lines are known only if they lived to see that day: before it nobody seems to leave.
    """
    told = book.changes.day[book.changes.kind != KIND_CODES["new"]]
    return int(told.min(initial=book.day))


def _past_terms(book: Book) -> Terms:
    ends = book.terms
    recent = (ends.day <= book.day - 1) & (ends.day > book.day - LEARNED_DAYS)
    recent &= ~book.is_open()[ends.line]
    line, day = ends.line[recent], ends.day[recent]
    lived = book.level_at(line, day - 1) > 0
    return Terms(line[lived], day[lived])


def _centre(book: Book) -> Floats:
    now = book.levels(book.day)
    count = max(int(book.segment.max(initial=-1)), -1) + 1
    every = float(np.median(now[now > 0])) if (now > 0).any() else 1.0
    rows = [now[(book.segment == code) & (now > 0)] for code in range(count)]
    return np.array([*(float(np.median(one)) if len(one) else every for one in rows), every])


def _columns(book: Book, centre: Floats, *, line: Ints, day: Ints) -> Floats:
    segment = book.segment[line]
    size = np.log(np.maximum(book.level_at(line, day - 1), 1.0) / np.maximum(centre[segment], 1))
    years = np.maximum(day - np.nan_to_num(book.started[line], nan=0.0), 0) / YEAR_DAYS
    # a tenure that nobody told is nobody's: five years at most tell anything
    tenure = np.log1p(np.minimum(years, 5.0)) - 1.0
    kind = term_class(book.term_months[line])
    segments = segment[:, None] == np.arange(len(centre) - 1)
    return np.column_stack([np.ones(len(line)), segments, tenure, size, kind >= 1, kind >= 2])


def _fit(columns: Floats, left: Flags) -> Floats:
    """Fit a ridge logistic by Newton's method; the constant alone is free."""
    weights = np.zeros(columns.shape[1])
    share = (left.sum() + 1.0) / (len(left) + 10.0)
    weights[0] = np.log(share / (1 - share))
    penalty = np.full(len(weights), 1.0 / SLOPE_PRIOR**2)
    penalty[0] = 1e-6 + 1.0 / (1.0 + len(left))
    start = weights.copy()
    for _ in range(12):
        chance = 1.0 / (1.0 + np.exp(-(columns @ weights)))
        slope = columns.T @ (left - chance) - penalty * (weights - start)
        bend = (columns.T * (chance * (1 - chance))) @ columns + np.diag(penalty)
        weights = weights + np.linalg.solve(bend, slope)
    return weights


def _exits(book: Book) -> Flags:
    """Mark steps that ended a line otherwise than at the end of a term."""
    steps, terms = book.steps, book.terms
    gone = (steps.level <= 0) & (steps.delta < 0) & (steps.day < book.day)
    at_term = np.isin(steps.line * SPAN + steps.day, terms.line * SPAN + terms.day)
    return gone & ~(at_term & ~book.is_open()[steps.line])


def _daily(book: Book, centre: Floats) -> tuple[Floats, Floats, Floats]:
    """Return weights of the log chance a day to leave: with a term, open at once, by notice."""
    # those who stayed so far are ever less likely to go: only a year speaks of those here now
    first = max(book.day - RATE_DAYS, history_start(book))
    steps, is_open = book.steps, book.is_open()
    days = np.minimum(steps.until(), book.day) - np.maximum(steps.day, first)
    days = np.where(steps.level > 0, np.maximum(days, 0), 0)
    exposed = np.bincount(steps.line, days, len(book)).astype(np.float64)
    last = np.full(len(book), first)
    np.maximum.at(last, steps.line, np.where(days > 0, np.minimum(steps.until(), book.day), first))
    # half-way through the days looked at: at their end stayers would be older than leavers
    middle = last - (exposed / 2).astype(np.int64)
    columns = _columns(book, centre, line=np.arange(len(book)), day=middle)
    gone = _exits(book) & (steps.day >= first)
    noticed = gone & is_open[steps.line] & (steps.kind == NONRENEWAL)

    def fit(which: Flags, of: Flags) -> Floats:
        seen = np.bincount(steps.line[which], minlength=len(book)).astype(np.float64)
        rows = (exposed > 0) & of
        return _fit_rate(columns[rows], seen[rows], exposed[rows])

    at_once = gone & ~noticed
    return (
        fit(at_once & ~is_open[steps.line], ~is_open),
        fit(at_once & is_open[steps.line], is_open),
        fit(noticed, is_open),
    )


def _fit_rate(columns: Floats, seen: Floats, days: Floats) -> Floats:
    """Fit a ridge Poisson rate a day by Newton's method; the constant is almost free."""
    weights = np.zeros(columns.shape[1])
    weights[0] = np.log((seen.sum() + 0.5) / max(float(days.sum()), YEAR_DAYS))
    start, penalty = weights.copy(), np.full(len(weights), 1.0 / RATE_SLOPE_PRIOR**2)
    for _ in range(12):
        mean = days * np.exp(np.clip(columns @ weights, -30.0, 2.0))
        slope = columns.T @ (seen - mean) - penalty * (weights - start)
        bend = (columns.T * mean) @ columns + np.diag(penalty)
        weights = weights + np.clip(np.linalg.solve(bend, slope), -1.0, 1.0)
    return weights


def _notices(book: Book, past: Terms, left: Flags) -> tuple[Floats, float]:
    """Return how late leavers' notices came to be known, and the share of notices taken back."""
    rows = book.changes.take(book.changes.kind == NOTICE)
    seen = np.full(len(past.line), float(NEVER))
    notice = np.nan_to_num(book.notice_days[past.line])
    asked = np.searchsorted(rows.line * SPAN + rows.day, past.line * SPAN + past.day, "left") - 1
    own = (asked >= 0) & (np.append(rows.line, -1)[asked] == past.line)
    seen[own] = rows.from_day[asked[own]]
    late = np.minimum(seen, past.day) - (past.day - notice) - 1
    told = left & (notice > 0)
    taken = int((book.changes.kind == WITHDRAWN).sum())
    return np.sort(late[told]), (taken + 1.0) / (len(rows.line) + 20.0)


def _ratios(book: Book, past: Terms, left: Flags) -> tuple[Floats, float]:
    line, day = past.line[~left], past.day[~left]
    before, after = book.level_at(line, day - 1), book.level_at(line, day)
    rows = book.changes.take((book.changes.kind == PRICE) & (book.changes.before > 0))
    place = np.searchsorted(rows.line * SPAN + rows.day, line * SPAN + day)
    place = np.minimum(place, max(len(rows.line) - 1, 0))
    price = np.ones(len(line))
    if len(rows.line):
        own = (rows.line[place] == line) & (rows.day[place] == day)
        price[own] = (rows.after / rows.before)[place[own]]
    ratio = np.clip(after / before / np.clip(price, 0.5, 2.0), 0.05, 5.0)
    kind = term_class(book.term_months[line])
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    tables = []
    for code in range(3):
        some = ratio[kind == code]
        some = some if len(some) >= FEWEST_RATIOS else ratio
        tables.append(np.quantile(some, levels) if len(some) else np.ones(LEVELS))
    return np.array(tables), float(price.mean() - 1.0) if len(price) else 0.0


def _shock(book: Book, rates: Rates) -> tuple[float, float]:
    """Return mean and deviation of the log multiplier on leaving that the last quarter shows."""
    terms = book.terms
    notice = np.nan_to_num(book.notice_days[terms.line]).astype(np.int64)
    decided = terms.day - notice
    due = (decided < book.day - 1) & (decided >= book.day - SHOCK_DAYS)
    due &= ~book.is_open()[terms.line]
    due[due] = book.level_at(terms.line[due], np.minimum(terms.day[due], book.day) - 1) > 0
    line, day = terms.line[due], terms.day[due]
    weight = 0.5 ** ((book.day - decided[due]) / HALF_LIFE_DAYS)
    gone = (day < book.day) & (book.level_at(line, day) <= 0) | (book.ends_on[line] <= day)
    odds = rates.renewal_log_odds(book, line, np.minimum(day, book.day))
    chance = 1 / (1 + np.exp(-odds))
    seen, expected = float(weight @ gone), float(weight @ chance)
    log_mean = np.log((PRIOR_EVENTS + seen) / (PRIOR_EVENTS + expected))
    return float(log_mean), float(1.0 / np.sqrt(PRIOR_EVENTS + seen))
