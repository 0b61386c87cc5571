"""The truth about open deals, week by week: hazards, and P(won in the quarter) from the latents.

Only the economy and a deal's momentum are uncertain ahead: both are drawn. Given them the stages
form a Markov chain, so the chance to be won by the quarter's end is summed exactly backwards
from that end (Rao-Blackwellised Monte Carlo); a few draws do what plain simulation needs
thousands for. A seller's leaving and a reopening later in the quarter are left out: both are rare.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lifecycle.world.deals_book import Index
from lifecycle.world.deals_moves import SWEEP_AGE_WEEKS
from lifecycle.world.deals_new import MOMENTUM_MEMORY, MOMENTUM_SD
from lifecycle.world.deals_rates import (
    BASE,
    EVENTS,
    SPEED,
    STAGES,
    Deals,
    Mood,
    event_chances,
    law_of,
    multipliers,
)
from lifecycle.world.deals_tables import deal_ids
from lifecycle.world.macro import MacroPath, next_shocks, shock_level
from lifecycle.world.sellers import ROLES
from lifecycle.world.selling_record import SellingRecord

DRAWS = 8
CHUNK = 4096
"""Deals at a time: it bounds the memory, not the answer."""

WIN, _, FORWARD, SKIP, BACK = range(len(EVENTS))


@dataclass(frozen=True)
class _Open:
    """Latents of deals at the start of one week, arrays of shape (n,)."""

    deal: Index
    stage: Index
    lasting: npt.NDArray[Any]
    momentum: npt.NDArray[Any]
    alive: npt.NDArray[np.bool_]


def opp_week_truth(
    record: SellingRecord,
    macro: MacroPath,
    *,
    weeks: Iterable[int] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> pa.Table:
    """Return one row per week and deal open in the sales system at the start of the week.

    Columns: opportunity_id, week, week_on (its first day), q (quality, with momentum and the
    seller's skill), alive (false = lost already, though nobody closed it), win_hazard and
    lose_hazard (chances of this week), p_win_quarter (chance to be won before the quarter ends).

    Parameters
    ----------
    record
        What the pipeline did.
    macro
        The economy: up to each week as it was, then continued.
    weeks
        Which weeks; all of them without.
    draws
        Continuations of economy and momentum for each week (count).
    seed
        Root of the continuations, apart from the world's own.
    """
    latents = record.weeks
    order = np.argsort(latents["week"], kind="stable")
    bounds = np.searchsorted(latents["week"][order], np.arange(record.calendar.weeks + 1))
    chosen = range(record.calendar.weeks) if weeks is None else weeks
    parts = [pa.table(_no_rows())]
    for week in chosen:
        rows = order[bounds[week] : bounds[week + 1]]
        rng = np.random.default_rng([seed, week])
        paths = _economy(record, macro, week=week, draws=draws, rng=rng)
        parts += [
            _week_rows(record, rows[first : first + CHUNK], week=week, paths=paths, rng=rng)
            for first in range(0, len(rows), CHUNK)
        ]
    return pa.concat_tables(parts)


def owner_truth(record: SellingRecord) -> pa.Table:
    """Return one row per owner: bias (about 1 = happy ears, about -1 = sandbagging) and skill.

    Both are in units of a deal's quality: bias in what the owner believes, skill in what is.

    Parameters
    ----------
    record
        What the pipeline did.
    """
    people = record.people
    return pa.table(
        {
            "owner_id": pa.array(record.owner_names, pa.string()),
            "role": pa.array([ROLES[int(one)] for one in people["role"]], pa.string()),
            "bias": people["bias"],
            "skill": people["skill"],
        }
    )


def law_truth(record: SellingRecord) -> dict[str, Any]:
    """Return the law of the world's deals as plain values, for ``truth_params.json``.

    Parameters
    ----------
    record
        What the pipeline did.
    """
    return {
        "stages": list(STAGES),
        "events": list(EVENTS),
        "base": BASE.tolist(),
        "speed": SPEED.tolist(),
        "law": asdict(law_of(record.params.variant)),
    }


def _no_rows() -> dict[str, pa.Array]:
    kinds = {"opportunity_id": pa.string(), "week": pa.int32(), "week_on": pa.date32(),
             "q": pa.float32(), "alive": pa.bool_(), "win_hazard": pa.float32(),
             "lose_hazard": pa.float32(), "p_win_quarter": pa.float32()}  # fmt: skip
    return {name: pa.array([], kind) for name, kind in kinds.items()}


def _economy(
    record: SellingRecord, macro: MacroPath, *, week: int, draws: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the shock of winning from this week to the quarter's end, shape (weeks, draws)."""
    params = record.params
    level = shock_level(params, week)
    now = np.array([macro.win[week], macro.churn[week], macro.volume[week], macro.price[week]])
    shocks = np.tile(now - level, (draws, 1))
    path = [shocks[:, 0] + level[0]]
    for ahead in range(week + 1, week + 1 + _weeks_ahead(record, week)):
        shocks = next_shocks(params, shocks, rng)
        path.append(shocks[:, 0] + shock_level(params, ahead)[0])
    return np.array(path)


def _weeks_ahead(record: SellingRecord, week: int) -> int:
    """Return how many later weeks begin in the same quarter."""
    return int(np.sum(record.calendar.quarter[week + 1 :] == record.calendar.quarter[week]))


def _week_rows(
    record: SellingRecord,
    rows: Index,
    *,
    week: int,
    paths: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> pa.Table:
    latents = record.weeks
    quality, momentum = latents["quality"][rows], latents["momentum"][rows]
    deals = _Open(
        latents["deal"][rows], latents["stage"][rows], quality - momentum, momentum,
        latents["alive"][rows],
    )  # fmt: skip
    parts = _multipliers(record, deals, week=week, momentum=momentum, macro=paths[0, 0])
    chances = event_chances(deals.stage, parts) * deals.alive[:, None]
    p_win = np.where(deals.alive, _p_win(record, deals, week=week, paths=paths, rng=rng), 0.0)
    columns = {
        "opportunity_id": deal_ids(deals.deal),
        "week": np.full(len(rows), week, np.int32),
        "week_on": np.full(len(rows), np.datetime64(record.calendar.date_of(7 * week), "D")),
        "q": quality,
        "alive": deals.alive,
        "win_hazard": chances[:, WIN].astype(np.float32),
        "lose_hazard": chances[:, 1].astype(np.float32),
        "p_win_quarter": p_win.astype(np.float32),
    }
    return pa.table(columns)


def _p_win(
    record: SellingRecord,
    deals: _Open,
    *,
    week: int,
    paths: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Return the chance to be won from this week to the quarter's end, shape (n,)."""
    calendar, count = record.calendar, len(paths)
    momentum = np.empty((count, len(deals.deal), paths.shape[1]), np.float32)
    momentum[0] = deals.momentum[:, None]
    spread = MOMENTUM_SD * np.sqrt(1 - MOMENTUM_MEMORY**2)
    for step in range(1, count):
        noise = rng.standard_normal(momentum.shape[1:], np.float32)
        momentum[step] = MOMENTUM_MEMORY * momentum[step - 1] + spread * noise
    value = np.zeros((*momentum.shape[1:], len(STAGES)), np.float32)
    age_limit = SWEEP_AGE_WEEKS[record.deals["segment"][deals.deal]]
    for step in reversed(range(count)):
        now = week + step
        parts = _multipliers(record, deals, week=now, momentum=momentum[step], macro=paths[step])
        value = _step_back(value, parts, calendar.early_share[now])
        # this week's own sweep is over: it comes on Monday, before the week's latents are noted
        if step and calendar.sweep[now]:
            swept = now - record.deals["week"][deals.deal] > age_limit
            value[swept] = 0.0
    place = deals.stage[:, None, None].astype(np.int64)
    return np.asarray(np.take_along_axis(value, place, axis=2)[..., 0].mean(axis=1))


def _step_back(
    value: npt.NDArray[Any], parts: tuple[Any, Any, Any], early_share: float
) -> npt.NDArray[Any]:
    """Return the chances to be won (n, draws, stages) one week earlier.

    The chances of :func:`event_chances`, summed without setting out each: half the time.
    """
    win, lose, move = (one[..., None] for one in parts)
    base_win, base_lose, forward, skip, back = BASE.T
    gain = base_win * win
    total = gain + base_lose * lose + (forward + skip + back) * move
    up = np.concatenate([value[..., 1:], value[..., -1:]], axis=-1)
    up_two = np.concatenate([value[..., 2:], value[..., -1:], value[..., -1:]], axis=-1)
    down = np.concatenate([value[..., :1], value[..., :-1]], axis=-1)
    gain = gain * np.float32(early_share) + move * (forward * up + skip * up_two + back * down)
    stays = np.exp(-total)
    return np.asarray(stays * value + (1 - stays) / total * gain)


def _multipliers(
    record: SellingRecord, deals: _Open, *, week: int, momentum: npt.NDArray[Any], macro: Any
) -> tuple[Any, Any, Any]:
    """Return the law's multipliers in a week for momentum of shape (n,) or (n, draws)."""
    columns, of = record.deals, deals.deal
    segment = columns["segment"][of]
    shape = (-1,) + (1,) * (momentum.ndim - 1)
    speed = SPEED[columns["kind"][of], segment].reshape(shape)
    ready = (columns["ready"][of] - np.float32(week)).reshape(shape)
    latents = Deals(
        deals.lasting.reshape(shape) + momentum, ready, speed,
        (segment == 2).reshape(shape),
    )  # fmt: skip
    calendar = record.calendar
    mood = Mood(week / calendar.weeks, float(calendar.push[week]), np.asarray(macro, np.float32))
    return multipliers(latents, mood, law_of(record.params.variant))
