"""What only the maker of a world knows: true risks, true values, true drivers.

No trainer can import this (a contract in ``pyproject.toml``), and ``write_truth`` refuses to write
where trainers read.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.errors import RefusedError
from lifecycle.periods import add_months
from lifecycle.world.continuation import (
    Ahead,
    continue_world,
    draw_shocks,
    open_accounts,
    split_rows,
)
from lifecycle.world.deals_truth import opp_week_truth
from lifecycle.world.hazards import Span, weekly_hazards
from lifecycle.world.seams import TextArray
from lifecycle.world.selling_record import SellingRecord
from lifecycle.world.state import LATENTS, Floats
from lifecycle.world.trace import CAUSES, Trace
from lifecycle.world.valuation import Terms, value_accounts

FEW_DRAWS = 8


def oracle_risk(
    trace: Trace, day: int, *, horizon_days: int, draws: int = 64, seed: int = 1
) -> tuple[TextArray, Floats]:
    """Return the true risk that each open account decides to leave within a horizon.

    Parameters
    ----------
    trace
        The world.
    day
        Days since its start: what was decided before it is known, what falls on it is not.
    horizon_days
        The decision falls in ``[day, day + horizon_days)`` and lasts (not withdrawn, no comeback
        within 30 days of the end).
    draws
        Continuations, each with its own macro path.
    seed
        Of the continuations; the world's own seed plays no part.

    Returns
    -------
    Ids of the accounts active and not under notice, shape (n,), and ``1 - E prod(1 - h)`` given
    their latents on that day, shape (n,).

    Raises
    ------
    UsageError
        The day lies outside the world.
    """
    rows, state = open_accounts(trace, day)
    last = day + horizon_days
    weeks = -(-last // 7) - day // 7
    shocks = draw_shocks(trace, day, weeks=weeks, draws=draws, seed=seed)
    risk = np.empty(len(rows))
    for part in split_rows(len(rows), draws):
        tiled = state.take(np.repeat(part, draws))
        stays = np.ones(len(tiled))
        ahead = Ahead(day, last, shocks, seed + int(part[0]))
        for moment in continue_world(trace.params, tiled, ahead):
            stays *= 1.0 - moment.hazards.lasting(moment.state, trace.params)
        risk[part] = 1.0 - stays.reshape(len(part), draws).mean(axis=1)
    return trace.accounts.account_id[rows], risk


def oracle_value(
    trace: Trace, day: int, *, months: int = 60, discount_share: float = 0.10, draws: int = 64
) -> tuple[TextArray, Floats]:
    """Return the true expected value of each open account from a day on.

    Parameters
    ----------
    trace
        The world.
    day
        Days since its start.
    months
        How far to look.
    discount_share
        A year's discount; applied continuously, at the middle of each week.
    draws
        Continuations, each with its own macro path.

    Returns
    -------
    Ids, shape (n,), and expected discounted gross margin less cost to serve in minor units, shape
    (n,): all lines, until the account leaves for good. A comeback after more than 30 days is a new
    business; MRR is paid until the end of the term that was given notice of.

    Raises
    ------
    UsageError
        The day lies outside the world.
    """
    terms = Terms(months, discount_share, draws=draws, seed=1, leaving_is_drawn=False)
    return value_accounts(trace, day, terms)


def realised_value(
    trace: Trace, day: int, *, months: int = 60, seed: int = 1, discount_share: float = 0.10
) -> tuple[TextArray, Floats]:
    """Return one future of each open account, with a macro path that all of them share.

    As ``oracle_value``, of which it is one draw, with every departure drawn.

    Parameters
    ----------
    trace
        The world.
    day
        Days since its start.
    months
        How far to look.
    seed
        Which future.
    discount_share
        A year's discount.

    Raises
    ------
    UsageError
        The day lies outside the world.
    """
    terms = Terms(months, discount_share, draws=1, seed=seed, leaving_is_drawn=True)
    return value_accounts(trace, day, terms)


def write_truth(trace: Trace, folder: Path, *, draws: int = FEW_DRAWS) -> None:
    """Write the truth beside the data, never in it: parameters, risks, deals, values.

    ``truth_params.json``; ``truth_account_month.parquet`` (latents, this week's hazards by cause,
    risks, by open account and first of month); ``truth_opp_week.parquet`` (``opp_week_truth``);
    ``truth_clv.parquet`` (value of the next 60 months by open account and first of January).

    Parameters
    ----------
    trace
        The world.
    folder
        Made when it is not there.
    draws
        Continuations of each day.

    Raises
    ------
    RefusedError
        The folder lies in a data directory, where trainers read.
    """
    for place in (folder.resolve(), *folder.resolve().parents):
        if (place / "lake" / "_batches").exists() or (place / "_batches").exists():
            raise RefusedError(
                f"truth folder {folder} lies in {place}, which holds a lake",
                "a folder outside of the data directory",
                "choose another one",
            )
    folder.mkdir(parents=True, exist_ok=True)
    macro = {name: values.round(6).tolist() for name, values in vars(trace.macro).items()}
    stated = {"params": asdict(trace.params), "macro": macro}
    text = json.dumps(stated, indent=1, sort_keys=True, default=str)
    (folder / "truth_params.json").write_text(text + "\n")
    months = [_account_month(trace, day, draws) for day in _first_days(trace, months=1)]
    pq.write_table(pa.concat_tables(months), folder / "truth_account_month.parquet")
    deals = trace.pipeline
    if isinstance(deals, SellingRecord):
        weeks = range(0, trace.params.weeks, 4)
        found = opp_week_truth(deals, trace.macro, weeks=weeks)
        pq.write_table(found, folder / "truth_opp_week.parquet")
    values = [_values(trace, day, draws) for day in _first_days(trace, months=12)]
    pq.write_table(pa.concat_tables(values), folder / "truth_clv.parquet")


def _first_days(trace: Trace, *, months: int) -> list[int]:
    """Return the first days of every so many months inside the world, as days since its start."""
    start, days = trace.params.start, []
    first = start.replace(day=1)
    while first < trace.params.end:
        if first >= start:
            days.append((first - start).days)
        first = add_months(first, months)
    return days


def _account_month(trace: Trace, day: int, draws: int) -> pa.Table:
    rows, state = open_accounts(trace, day)
    week = day // 7
    span = Span(7 * week, 7 * week + 7)
    hazards = weekly_hazards(state, trace.params, span, trace.macro.churn[week])
    by_cause = hazards.by_cause(state, trace.params)
    columns: dict[str, object] = {
        "account_id": trace.accounts.account_id[rows],
        "month_on": [trace.params.start + timedelta(days=day)] * len(rows),
        "health": state.health,
        **{name: getattr(state, name) for name in LATENTS},
        "frailty": state.frailty,
        **{f"hazard_{cause}": by_cause[code] for code, cause in enumerate(CAUSES)},
    }
    for horizon in (30, 90):
        risk = oracle_risk(trace, day, horizon_days=horizon, draws=draws)[1]
        columns[f"risk_{horizon}d"] = risk
    return pa.table(columns)


def _values(trace: Trace, day: int, draws: int) -> pa.Table:
    ids, value = oracle_value(trace, day, draws=draws)
    on = [trace.params.start + timedelta(days=day)] * len(ids)
    return pa.table({"account_id": ids, "as_of_on": on, "months": [60] * len(ids),
                     "value_minor": value})  # fmt: skip
