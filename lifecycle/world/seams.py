"""What contracts and pipeline hand each other every week, and the ids both sides write.

Week by week: ``wins = pipeline.step(week, macro, triggers)`` → the wins of new business become
accounts, those of expansions change contracts, in that same week → contracts step → the triggers
of the next week. All indices are rows of the account arrays of the trace, all days are days since
the start of the world, all arrays of one record have one length.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
TextArray = npt.NDArray[np.object_]


@dataclass(frozen=True)
class ExpansionTriggers:
    """Accounts that ask for more, and those that will buy no more, since the last step.

    Parameters
    ----------
    account_index
        Accounts whose health and use ask for more, shape (k,): each may open one expansion deal.
    base_mrr_minor
        Their MRR now, shape (k,).
    segment, region, csm
        Codes into ``SEGMENTS`` and ``REGIONS``, and the number of their ``csm_name``, shape (k,).
    health
        Their health (about standard normal), shape (k,): may shape the deal's quality.
    closed_index
        Accounts that gave notice or left, shape (j,): their open expansion deals are lost.
    """

    account_index: IntArray
    base_mrr_minor: IntArray
    segment: IntArray
    region: IntArray
    csm: IntArray
    health: FloatArray
    closed_index: IntArray


@dataclass(frozen=True)
class NewBusiness:
    """Deals of new business won in a week, all arrays of shape (k,).

    Parameters
    ----------
    account_id
        The prospect's id, from ``account_name`` with numbers from ``params.initial_accounts`` on.
    segment, industry, region, channel
        Codes into ``SEGMENTS``, ``INDUSTRIES``, ``REGIONS``, ``CHANNELS``.
    fit
        How well the product suits them, about standard normal: the pipeline draws it.
    seats
        Seats licensed.
    mrr_minor
        Monthly recurring revenue after discount.
    term_months
        One of ``TERMS``.
    discount_share
        Against the list price, 0 to 1.
    owner_id
        The seller's id (the account is looked after by a csm afterwards).
    deal_index
        Row of the deal in the pipeline trace.
    lead_day
        Day of the lead, which is the day the account came into being.
    closed_day
        Day of the win, inside the week; the contract starts on it.
    """

    account_id: TextArray
    segment: IntArray
    industry: IntArray
    region: IntArray
    channel: IntArray
    fit: FloatArray
    seats: FloatArray
    mrr_minor: IntArray
    term_months: IntArray
    discount_share: FloatArray
    owner_id: TextArray
    deal_index: IntArray
    lead_day: IntArray
    closed_day: IntArray


@dataclass(frozen=True)
class Expansions:
    """Expansion deals won in a week, all arrays of shape (k,).

    Parameters
    ----------
    account_index
        Who buys more; a win of an account that meanwhile left changes nothing.
    added_mrr_minor
        Monthly recurring revenue on top.
    deal_index
        Row of the deal in the pipeline trace.
    closed_day
        Day of the win, inside the week; the change is effective on it.
    """

    account_index: IntArray
    added_mrr_minor: IntArray
    deal_index: IntArray
    closed_day: IntArray


@dataclass(frozen=True)
class Wins:
    """What a week's won deals bring: ``new_business`` and ``expansions``."""

    new_business: NewBusiness
    expansions: Expansions


class PipelineTrace(Protocol):
    """Everything the pipeline did, to be turned into canonical rows afterwards."""

    def tables(self) -> dict[str, Any]:
        """Return Arrow tables by canonical name, with ``known_at`` and ``known_source``."""


def no_wins() -> Wins:
    """Return the wins of a week without any."""
    return Wins(_empty(NewBusiness), _empty(Expansions))


def no_triggers() -> ExpansionTriggers:
    """Return the triggers before the first week."""
    triggers: ExpansionTriggers = _empty(ExpansionTriggers)
    return triggers


def _empty(record: Any) -> Any:
    kinds: dict[str, Any] = {"FloatArray": np.float64, "TextArray": np.object_}
    dtypes = (kinds.get(str(one.type), np.int64) for one in fields(record))
    return record(*(np.empty(0, dtype=dtype) for dtype in dtypes))


def account_name(number: int) -> str:
    """Return the id of an account or prospect by its running number.

    Examples
    --------
    >>> account_name(12)
    'A0000012'
    """
    return f"A{number:07d}"


def subscription_name(line: int) -> str:
    """Return the id of a contract line by its row in the trace.

    Examples
    --------
    >>> subscription_name(12)
    'S0000012'
    """
    return f"S{line:07d}"


def csm_name(number: int) -> str:
    """Return the owner id of a customer success manager, 0 ≤ number < ``params.csm_count``.

    Examples
    --------
    >>> csm_name(3)
    'C003'
    """
    return f"C{number:03d}"
