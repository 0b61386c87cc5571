"""The weekly step of every contract: decisions, ends, renewals, comebacks, expansions.

Within a week an account does one thing: it decides to leave, or its term ends and goes on, or it
buys more after that. So the movements of a line stand in the order of their days.
"""

from __future__ import annotations

from lifecycle.world.desk import Desk
from lifecycle.world.hazards import Span
from lifecycle.world.leaving import decide, drop_addons, end_contracts, withdraw
from lifecycle.world.seams import Expansions
from lifecycle.world.state import Ints
from lifecycle.world.staying import come_back, expand, renew_terms


def step_contracts(desk: Desk, week: int, *, churn: float, price: float, wins: Expansions) -> Ints:
    """Let a week pass over all contracts.

    Parameters
    ----------
    desk
        Changed in place.
    week
        Which week.
    churn, price
        Macro shocks of the week.
    wins
        Expansion deals won in the week.

    Returns
    -------
    Accounts that gave notice or left in the week.
    """
    span = Span(7 * week, 7 * week + 7)
    decided = decide(desk, span, churn)
    drop_addons(desk, span)
    end_contracts(desk, span)
    withdraw(desk, span)
    renew_terms(desk, span, price)
    come_back(desk, span, price)
    expand(desk, wins)
    return decided
