"""What only the maker of a world knows: true risks, true values, true drivers.

No trainer can import this (a contract in ``pyproject.toml``), and ``write_truth`` refuses to write
where trainers read.
"""

from __future__ import annotations

import numpy as np

from lifecycle.world.continuation import continue_world, draw_shocks, open_accounts, split_rows
from lifecycle.world.seams import TextArray
from lifecycle.world.state import Floats
from lifecycle.world.trace import Trace
from lifecycle.world.valuation import Terms, value_accounts


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
        moments = continue_world(
            trace, day, tiled, last_day=last, shocks=shocks, seed=seed + int(part[0])
        )
        for moment in moments:
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
