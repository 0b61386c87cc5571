"""Training of deals as a command asks for it: by landmarks, or of a table without history."""

from __future__ import annotations

import numpy as np

from features.deals.facts import DealFacts, read_deal_facts
from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar
from lifecycle.snapshot import Snapshot
from training.deals.flat import FOLDS, FlatSplit, Split
from training.deals.flat_train import train_flat
from training.deals.known import find_never_open
from training.deals.past import plan_past
from training.deals.spec import DEAL_WIN
from training.deals.train import train_deals
from training.deals.turns import OPEN
from training.train import TrainOutputs, TrainResult

LEAST_WITH_HISTORY = 40
"""Closed deals seen open before; with fewer, and more that never were, the table counts as flat."""


def train_deal_win(
    known: Snapshot,
    *,
    out: TrainOutputs,
    split: Split = "auto",
    calendar: FiscalCalendar = CALENDAR_YEAR,
    ticker: Ticker | None = None,
) -> TrainResult:
    """Train the chance to win, by whatever the facts allow.

    Parameters
    ----------
    known
        What is known on the day training stands on.
    out
        Where bundle and record go.
    split
        How a table without history is judged; where there is history, past quarters judge.
    calendar
        The company's fiscal calendar.
    ticker
        Advanced `count_deal_steps` times in all.

    Raises
    ------
    NotEnoughHistoryError
        Neither a past of open deals nor closed deals with fields known at creation.
    GateError
        Nobody could be judged, or the model carries contact data.
    """
    if is_flat(read_deal_facts(known)):
        how = FlatSplit(split, calendar)
        return train_flat(known, out=out, how=how, ticker=ticker)
    return train_deals(known, out=out, calendar=calendar, ticker=ticker or SilentTicker())


def is_flat(facts: DealFacts) -> bool:
    """Say whether nearly all closed deals were closed when first heard of."""
    never = int(find_never_open(facts).sum())
    outcome = facts.fields["outcome"]
    closed = len(np.unique(facts.story_deal[outcome.story[outcome.value != OPEN]]))
    return closed - never < LEAST_WITH_HISTORY and never > closed - never


def count_deal_steps(known: Snapshot, *, calendar: FiscalCalendar = CALENDAR_YEAR) -> int:
    """Return how often `train_deal_win` advances its ticker at most.

    Raises
    ------
    NotEnoughHistoryError
        No quarter has ended since the first deal was opened, and the table is not flat.
    """
    facts = read_deal_facts(known)
    if is_flat(facts):
        return FOLDS + 2
    try:
        plan = plan_past(facts, known.day, calendar=calendar)
    except NotEnoughHistoryError:
        return 1
    return len(DEAL_WIN.candidates) * len(plan.origins) + 3
