"""What was done about a deal, and what came back: contacts by window, two-way share, silence.

An activity counts on day d when it took place before d and was known before d; a window of n days
holds what took place in ``[d - n, d)``. Two-way is what they wrote, a meeting held, a call that
was answered.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.deals.contacts import IN, OUT, Activities
from features.deals.context_columns import WINDOWS_DAYS
from features.deals.days import SPAN, Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.states import created_days
from features.deals.streams import last_seen, summed

"""Lengths of the trailing windows (days)."""

_DAY_MINUTES, _WEEK_DAYS = 1440, 7
_FLOOR = 0.25
_TONE_UNIT = 1e-6
"""Tones are added as whole millionths, so that a sum does not depend on its order."""

Marks = npt.NDArray[np.bool_]


class _Done:
    """Activities in the order in which they had both happened and become known."""

    def __init__(self, told: Activities, rows: Rows) -> None:
        day = np.floor(told.happened).astype(np.int64)
        counts_from = np.maximum(told.seen, day + 1)
        order = np.lexsort((counts_from, told.story))
        self.story, self.seen, self.day = told.story[order], counts_from[order], day[order]
        self.order, self.rows, self.happened = order, rows, told.happened

    def ever(self, amounts: npt.NDArray[np.generic]) -> Floats:
        """Return the sum of whole amounts up to each row's day, shape (m,)."""
        found = summed(self.story, self.seen, amounts[self.order].astype(np.int64),
                       story=self.rows.story, day=self.rows.day)  # fmt: skip
        return found.astype(np.float64)

    def within(self, amounts: npt.NDArray[np.generic], days: int) -> Floats:
        """Return the sum of whole amounts over the last days before each row's, shape (m,)."""
        weight = amounts[self.order].astype(np.int64)
        return spread_over(self.rows, self.story, weight, first=self.seen, last=self.day + days)

    def last_day(self, marked: Marks) -> Floats:
        """Return the day of the latest marked activity, shape (m,); NaN = none."""
        kept = marked[self.order]
        story, seen = self.story[kept], self.seen[kept]
        latest = np.maximum.accumulate(story * SPAN + self.day[kept]) - story * SPAN
        place = last_seen(story, seen, self.rows.story, self.rows.day)
        return np.where(place < 0, np.nan, latest[place] if len(latest) else np.nan)

    def most(self, amounts: Floats) -> Floats:
        """Return the greatest amount so far, shape (m,); NaN = none."""
        kept = ~np.isnan(amounts[self.order])
        story, amount = self.story[kept], amounts[self.order][kept].astype(np.int64)
        greatest = np.maximum.accumulate(story * SPAN + np.minimum(amount, SPAN - 1))
        place = last_seen(story, self.seen[kept], self.rows.story, self.rows.day)
        found = (greatest - story * SPAN)[place] if len(greatest) else np.nan
        return np.where(place < 0, np.nan, found)

    def replies(self, inward: Marks, outward: Marks) -> tuple[Ints, Marks]:
        """Return minutes from what we sent to the reply that came next, and where one came, (a,).

        Only a reply that is the very next contact in either direction counts.
        """
        both = np.flatnonzero((inward | outward)[self.order])
        now, last = self.order[both[1:]], self.order[both[:-1]]
        same = self.story[both[1:]] == self.story[both[:-1]]
        waited = np.rint((self.happened[now] - self.happened[last]) * _DAY_MINUTES)
        is_reply = same & inward[now] & outward[last] & (waited >= 0)
        minutes, marks = np.zeros(len(inward), np.int64), np.zeros(len(inward), np.bool_)
        minutes[now[is_reply]], marks[now[is_reply]] = waited[is_reply], True
        return minutes, marks

    def first_of(self, codes: Floats) -> Marks:
        """Mark a story's first activity with each code, in the order as told, shape (a,)."""
        ordered = codes[self.order]
        kept = np.flatnonzero(~np.isnan(ordered))
        pairs = np.stack([self.story[kept], ordered[kept].astype(np.int64)], axis=1)
        _, first = np.unique(pairs, axis=0, return_index=True)
        marks = np.zeros(len(codes), np.bool_)
        marks[self.order[kept[first]]] = True
        return marks


def spread_over(rows: Rows, story: Ints, weight: Ints, *, first: Ints, last: Ints) -> Floats:
    """Return the sum of weights of facts whose days ``[first, last]`` hold each row's, (m,)."""
    key = rows.story * SPAN + rows.day
    low = np.searchsorted(key, story * SPAN + first)
    high = np.maximum(np.searchsorted(key, story * SPAN + last, side="right"), low)
    steps = np.bincount(low, weight, len(rows) + 1) - np.bincount(high, weight, len(rows) + 1)
    return np.asarray(np.cumsum(steps)[: len(rows)], np.float64)


def build_activity_columns(facts: DealFacts, rows: Rows) -> dict[str, Floats]:
    """Build contacts by window, two-way share, silence and people, each of shape (m,)."""
    told = facts.activities
    done, all_ = _Done(told, rows), np.ones(len(told.story), np.bool_)
    meeting = told.is_("kind", "meeting")
    held, missed = meeting & told.is_("outcome", "held"), told.is_("outcome", "no_show")
    both = (told.values["direction"] == IN) | held | told.is_("outcome", "answered")
    ever = done.ever(all_)
    columns = {f"activities_{n}d_count": done.within(all_, n) for n in WINDOWS_DAYS}
    rate = _weekly(facts, rows, done.ever(both))
    lately = _weekly(facts, rows, done.within(both, 28), longest=28)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(ever > 0, done.ever(both) / ever, np.nan)
    return {
        **columns,
        "activities_count": ever,
        "two_way_28d_count": done.within(both, 28),
        "two_way_week_rate": rate,
        "two_way_peer_ratio": _against_peers(facts, rows, rate),
        "two_way_28d_peer_ratio": _against_peers(facts, rows, lately),
        "two_way_share": share,
        "silence_days": _since(facts, rows, done.last_day(all_)),
        "two_way_silence_days": _since(facts, rows, done.last_day(both)),
        **_kinds(told, done, rows),
        "meetings_28d_count": done.within(held, 28),
        "meetings_held_count": done.ever(held),
        "no_shows_count": done.ever(missed),
        "next_meeting": _booked(told, meeting, rows),
        **_tones(done, told.values["sentiment"]),
        "contacts_count": done.ever(done.first_of(told.values["contact"])),
        "people_max_count": done.most(told.values["people"]),
    }


def _kinds(told: Activities, done: _Done, rows: Rows) -> dict[str, Floats]:
    """Return contacts by direction and kind, and how fast they answer."""
    replies, outreach = told.values["direction"] == IN, told.values["direction"] == OUT
    minutes, answered = done.replies(replies, outreach)
    with np.errstate(invalid="ignore", divide="ignore"):
        hours = done.ever(minutes) / done.ever(answered) / 60
    return {
        "replies_28d_count": done.within(replies, 28),
        "replies_56d_count": done.within(replies, 56),
        "outreach_28d_count": done.within(outreach, 28),
        "calls_28d_count": done.within(told.is_("kind", "call"), 28),
        "reply_hours": hours,
    }


def _since(facts: DealFacts, rows: Rows, day: Floats) -> Floats:
    """Return days since a day; without one, since the deal was created."""
    since = np.where(np.isnan(day), np.floor(created_days(facts, rows)), day)
    return np.asarray(rows.day - since, np.float64)


def _weekly(facts: DealFacts, rows: Rows, count: Floats, *, longest: float = np.inf) -> Floats:
    """Return a count per week of the deal's life so far, the first week whole."""
    age = np.maximum(rows.day - created_days(facts, rows), _WEEK_DAYS)
    return np.asarray(count * _WEEK_DAYS / np.minimum(age, longest), np.float64)


def _against_peers(facts: DealFacts, rows: Rows, rate: Floats) -> Floats:
    """Return a weekly rate over its mean among the deals in the same stage on the same day.

    Both are raised by a contact in four weeks, so that few contacts make no extremes.
    """
    stage = np.nan_to_num(facts.at("stage", rows), nan=-1).astype(np.int64) + 1
    _, group = np.unique(rows.day * SPAN + stage, return_inverse=True)
    mean = np.bincount(group, rate) / np.maximum(np.bincount(group), 1)
    return np.asarray((rate + _FLOOR) / (mean[group] + _FLOOR), np.float64)


def _booked(told: Activities, meeting: Marks, rows: Rows) -> Floats:
    """Return 1 where a meeting that was known already is still to come, else 0."""
    day = np.floor(told.happened).astype(np.int64)
    ahead = meeting & (day >= told.seen)
    weight = np.ones(int(ahead.sum()), np.int64)
    count = spread_over(rows, told.story[ahead], weight, first=told.seen[ahead], last=day[ahead])
    return (count > 0).astype(np.float64)


def _tones(done: _Done, tone: Floats) -> dict[str, Floats]:
    """Return the mean tone ever and of the last 28 days, NaN without any."""
    known = ~np.isnan(tone)
    units = np.rint(np.where(known, tone, 0) / _TONE_UNIT)
    with np.errstate(invalid="ignore", divide="ignore"):
        ever = done.ever(units) * _TONE_UNIT / done.ever(known)
        lately = done.within(units, 28) * _TONE_UNIT / done.within(known, 28)
    return {"sentiment_mean": ever, "sentiment_28d_mean": lately}
