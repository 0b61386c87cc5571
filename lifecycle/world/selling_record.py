"""Everything the sales side did, as plain columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from lifecycle.world.deals_book import Column, Index
from lifecycle.world.deals_calendar import SellingCalendar
from lifecycle.world.presets import WorldParams
from lifecycle.world.seams import account_name


@dataclass(frozen=True)
class SellingRecord:
    """What the pipeline did; columns by name, days and instants as days since the start.

    Attributes
    ----------
    params, calendar
        The world and its selling year.
    deals
        One row a deal, latents and final state (``DEALS``); its place is its ``deal_index``.
    prospects
        One row a prospect (``PROSPECTS``): number ``params.initial_accounts`` + its place.
    leads, people, posts
        As in ``LEADS``, ``PEOPLE`` and ``POSTS``.
    owner_names
        Owner id by place in ``people``.
    versions, changes, activities
        As written down (``VERSIONS``, ``CHANGES``, ``ACTIVITIES``).
    weeks
        Latents of every deal open in the sales system at the start of each week (``TRUTH``).
    customers
        Prospects that became customers, in the order in which they were handed to contracts:
        the account rows from ``params.initial_accounts`` on.
    targets, spend
        As in ``TARGETS`` and ``SPEND``.
    """

    params: WorldParams
    calendar: SellingCalendar
    deals: dict[str, Column]
    prospects: dict[str, Column]
    leads: dict[str, Column]
    people: dict[str, Column]
    owner_names: list[str]
    posts: dict[str, Column]
    versions: dict[str, Column]
    changes: dict[str, Column]
    activities: dict[str, Column]
    weeks: dict[str, Column]
    customers: Index
    targets: dict[str, Column]
    spend: dict[str, Column]

    @cached_property
    def account_numbers(self) -> Index:
        """Number of each deal's account, shape (deals,): see ``account_name``."""
        first = self.params.initial_accounts
        rows = np.concatenate([np.arange(first), first + self.customers])
        account = self.deals["account"]
        is_new = self.deals["prospect"] >= 0
        return np.where(is_new, first + self.deals["prospect"], rows[np.where(is_new, 0, account)])

    def account_ids(self) -> pa.Array:
        """Return each deal's account id, shape (deals,)."""
        return pa.array([account_name(int(one)) for one in self.account_numbers], pa.string())
