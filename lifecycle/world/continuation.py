"""Go on from any day of a world that happened, many times, by the law that made it.

The oracles stand on this: the state at the start of the day's week, latents included, is stepped
by the functions that made the world (hazards, renewals, latents, macro), each draw with a macro
path of its own that starts from the true shocks. Who leaves is not drawn but weighed, so that 64
draws give what thousands of coin flips would (Rao-Blackwell).

What won deals add is not simulated deal by deal: each trigger wins with the share, and by the
relative size, that the trace itself shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lifecycle.errors import UsageError
from lifecycle.world.hazards import (
    Hazards,
    Span,
    addon_chance,
    odds_to_share,
    trigger_chance,
    weekly_hazards,
)
from lifecycle.world.health import advance_latents
from lifecycle.world.macro import FloatArray, next_shocks, shock_level
from lifecycle.world.presets import SEGMENTS, WorldParams
from lifecycle.world.renewals import draw_renewals, renew
from lifecycle.world.seeds import Streams
from lifecycle.world.state import Bools, Floats, Ints, State, state_at
from lifecycle.world.trace import KINDS, PRODUCT_ADDON, Trace

OPENING = tuple(KINDS.index(kind) for kind in ("new", "reactivation", "notice_withdrawn"))
LEAVING = tuple(
    KINDS.index(kind) for kind in ("notice", "nonrenewal", "midterm_cancel", "involuntary_cancel")
)
GROWING = (KINDS.index("expansion"), KINDS.index("new"))
FEWEST_WINS = 30
# rows of accounts times draws that are stepped together: they stay in the processor's cache
CHUNK_ROWS = 16_384
TYPICAL_WIN = (0.12, 0.38)


@dataclass(frozen=True)
class Growing:
    """How triggers become MRR, as the trace shows it, by segment.

    Parameters
    ----------
    win_share
        Share of triggers that end in more MRR, shape (segments,).
    ratios
        Added MRR over MRR before, observed ratios by segment.
    """

    win_share: Floats
    ratios: tuple[Floats, ...]


@dataclass(frozen=True)
class Moment:
    """One span of a continued world, before it passes.

    Parameters
    ----------
    span
        Its days.
    state
        Of all accounts times draws, changed when the next moment is asked for.
    hazards
        Of the span.
    win
        Macro shock on winning deals, by element of the state.
    """

    span: Span
    state: State
    hazards: Hazards
    win: Floats


@dataclass(frozen=True)
class Ahead:
    """The time that a continuation goes through.

    Parameters
    ----------
    day, last_day
        First day, and first day that is not looked at, since the start of the world.
    shocks
        Macro paths by draw and week, of ``draw_shocks``, shape (draws, weeks, 4).
    seed
        Root of the random numbers.
    """

    day: int
    last_day: int
    shocks: FloatArray
    seed: int


def open_accounts(trace: Trace, day: int) -> tuple[Ints, State]:
    """Return the accounts that hold a contract and gave no notice on a day, with their state.

    A decision of the day itself is yet to come: what happened before the day counts, strictly.

    Parameters
    ----------
    trace
        The world.
    day
        Days since its start, 0 to ``7 * weeks``.

    Returns
    -------
    Their rows, ascending, and their state at the start of the day's week; accounts that came in
    that week, before the day, stand as they did when it ended.

    Raises
    ------
    UsageError
        The day lies outside the world.
    """
    if not 0 <= day <= 7 * trace.params.weeks:
        span = f"{trace.params.start} to {trace.params.end}"
        raise UsageError(f"day {day} of a world", f"a day from {span}", "choose one inside")
    week = day // 7
    state = state_at(trace, week)
    staying = state.staying
    moves = trace.movements
    since = moves[(moves["decided_day"] >= 7 * week) & (moves["decided_day"] < day)]
    base = since[trace.lines.product[since["line"]] != PRODUCT_ADDON]
    came = np.unique(base["account"][np.isin(base["kind"], OPENING)])
    left = np.unique(base["account"][np.isin(base["kind"], LEAVING)])
    if len(came):
        _overwrite(state, came, state_at(trace, week + 1).take(came))
        staying[came] = state.staying[came]
    staying[np.setdiff1d(left, came)] = False
    rows = np.flatnonzero(staying)
    return rows, state.take(rows)


def continue_world(params: WorldParams, state: State, ahead: Ahead) -> Iterator[Moment]:
    """Step accounts on as if all stayed; weigh the moments by their hazards.

    Parameters
    ----------
    params
        The world.
    state
        Accounts times draws, ``draw`` fastest: row = account * draws + draw. It is changed.
    ahead
        From when to when, and with which shocks.

    Yields
    ------
    One moment a week, the first and last of them cut at the days given.
    """
    day, last_day, shocks = ahead.day, ahead.last_day, ahead.shocks
    rng = Streams(ahead.seed).rng(f"continuation-{day}")
    draw = np.tile(np.arange(len(shocks)), len(state) // len(shocks))
    for at, week in enumerate(range(day // 7, -(-last_day // 7))):
        span = Span(max(7 * week, day), min(7 * week + 7, last_day))
        shock = shocks[draw, at]
        yield Moment(span, state, weekly_hazards(state, params, span, shock[:, 1]), shock[:, 0])
        _drop_addons(state, params, Span(7 * week, 7 * week + 7), rng)
        ends = (state.term_ends_day >= 7 * week) & (state.term_ends_day < 7 * week + 7)
        renewal = draw_renewals(state, params, ends, rng)
        renew(state, params, renewal, price=shock[renewal.rows, 3], rng=rng)
        advance_latents(state, params, rng)


def draw_shocks(trace: Trace, day: int, *, weeks: int, draws: int, seed: int) -> FloatArray:
    """Continue the macro path from the truth of a day.

    Parameters
    ----------
    trace
        The world.
    day
        Its week's shocks are known; later ones are drawn.
    weeks
        How many weeks, the first included.
    draws
        How many paths.
    seed
        Root of the random numbers.

    Returns
    -------
    Win, churn, volume and price, shape (draws, weeks, 4). A break of the ``shock`` variant that is
    yet to come stays unknown; one that came goes on.
    """
    macro, week = trace.macro, min(day // 7, trace.params.weeks)
    rng = Streams(seed).rng(f"macro-{day}")
    level = shock_level(trace.params, week)
    now = np.array([macro.win[week], macro.churn[week], macro.volume[week], macro.price[week]])
    around = np.tile(now - level, (draws, 1))
    paths = np.empty((draws, weeks, 4))
    for at in range(weeks):
        paths[:, at] = around + level
        around = next_shocks(trace.params, around, rng)
    return paths


def split_rows(count: int, draws: int) -> Iterator[Ints]:
    """Split accounts so that each part times its draws stays in the processor's cache."""
    size = max(CHUNK_ROWS // draws, 1)
    for first in range(0, count, size):
        yield np.arange(first, min(first + size, count))


def measure_growing(trace: Trace) -> Growing:
    """Measure by segment which share of triggers won, and how much they added."""
    moves, accounts = trace.movements, trace.accounts
    grew = moves[np.isin(moves["kind"], GROWING) & (moves["deal"] >= 0)]
    grew = grew[grew["effective_day"] >= 7 * accounts.created_week[grew["account"]]]
    held = trace.weekly.mrr_minor[grew["account"], grew["effective_day"] // 7]
    grew, held = grew[held > 0], held[held > 0]
    ratio = (grew["mrr_after_minor"] - grew["mrr_before_minor"]) / held
    segment = accounts.segment[grew["account"]]
    asked = np.zeros(len(SEGMENTS))
    for week in range(0, trace.params.weeks, 4):
        chance = trigger_chance(state_at(trace, week), trace.params)
        asked += 4.0 * np.bincount(accounts.segment, weights=chance, minlength=len(SEGMENTS))
    shares, ratios = [], []
    for code in range(len(SEGMENTS)):
        enough = (segment == code).sum() >= FEWEST_WINS
        some = ratio[segment == code] if enough else ratio
        wins, triggers = (len(some), asked[code]) if enough else (len(ratio), asked.sum())
        shares.append(wins / triggers if wins else TYPICAL_WIN[0])
        ratios.append(some if wins else np.array([TYPICAL_WIN[1]]))
    return Growing(np.clip(shares, 0.005, 0.95), tuple(ratios))


def grow(moment: Moment, params: WorldParams, growing: Growing, rng: np.random.Generator) -> None:
    """Let triggers win: more MRR from the next week on, in place."""
    state = moment.state
    odds = np.log(growing.win_share / (1.0 - growing.win_share))
    wins = odds_to_share(odds[state.segment] + moment.win)
    chance = trigger_chance(state, params) * wins * moment.span.share
    won = rng.random(len(state)) < chance
    for code, ratios in enumerate(growing.ratios):
        rows = np.flatnonzero(won & (state.segment == code))
        ratio = ratios[rng.integers(0, len(ratios), len(rows))]
        state.mrr_minor[rows] += np.rint(state.mrr_minor[rows] * ratio).astype(np.int64)


def _overwrite(state: State, rows: Ints, other: State) -> None:
    for name, values in vars(other).items():
        getattr(state, name)[rows] = values


def _drop_addons(state: State, params: WorldParams, span: Span, rng: np.random.Generator) -> None:
    deadline = state.term_ends_day - state.notice_days
    due: Bools = (deadline >= span.first) & (deadline < span.last)
    chance = addon_chance(state, params, due)
    state.addon_noticed |= rng.random(len(state)) < chance
