"""One tiny world and its facts, made once for all tests that only look."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa

from lifecycle.world.facts import build_facts
from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from lifecycle.world.trace import KINDS, Trace

DAY_MICROS = 86_400_000_000


@cache
def tiny() -> Trace:
    """A world of 150 accounts and 24 months."""
    return simulate(preset("tiny", accounts=150, seed=3))


@cache
def facts() -> dict[str, pa.Table]:
    """Its canonical tables."""
    return build_facts(tiny())


def column(table: str, name: str) -> np.ndarray:
    """A column of its facts; instants and days in days since the start, NaN where null."""
    values = facts()[table].column(name).combine_chunks()
    if pa.types.is_timestamp(values.type):
        return in_days(values.cast(pa.int64()), DAY_MICROS)
    if pa.types.is_date32(values.type):
        return in_days(values.cast(pa.int32()), 1)
    return values.to_numpy(zero_copy_only=False)


def in_days(numbers: pa.Array, per_day: int) -> np.ndarray:
    """Numbers since 1970 as days since the start of the world."""
    origin = (tiny().params.start - date(1970, 1, 1)).days
    return numbers.cast(pa.float64()).to_numpy(zero_copy_only=False) / per_day - origin


def rows_of(account_id: str) -> int:
    """The row of an account in the trace."""
    return int(np.flatnonzero(tiny().accounts.account_id == account_id)[0])


def account_rows(table: str, name: str = "account_id") -> np.ndarray:
    """The rows of the accounts of a table's facts; -1 where it is no contractual account."""
    known = pa.array(tiny().accounts.account_id, pa.string())
    held = facts()[table].column(name).combine_chunks()
    return pa.compute.index_in(held, value_set=known).fill_null(-1).to_numpy()


def moves(kind: str) -> np.ndarray:
    """The movements of a kind."""
    return tiny().movements[tiny().movements["kind"] == KINDS.index(kind)]
