"""How what an owner commits to compares with what the owner wins: a posterior, never a verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date

from sqlalchemy import select

from ledger.deal_tables import owner_bias
from ledger.engine import Ledger
from ledger.rows import write_rows
from ledger.visible import Book, is_in


@dataclass(frozen=True)
class OwnerBiasRow:
    """One owner's bias as of a run.

    Attributes
    ----------
    label
        ``happy_ears`` (wins less per commit than others), ``sandbagging``, or ``None``: too
        little, or too even, to say.
    ratio, ratio_low, ratio_high
        Won over committed deals, each once a quarter: posterior median and 95 % interval.
    p_beyond
        Probability (0-1) that ``beside_others`` lies more than 10 % from 1.
    beside_others
        The ratio over that of the mean owner; 1 is no bias.
    deals_count, quarters_count
        Deals committed to or won, and quarters with any: what it rests on.
    late_share, late_low, late_high, won_count
        Share of ``won_count`` wins that were not in the quarter's pipeline at week 3, with its
        95 % interval; ``None`` without wins.
    commit_minor, won_minor
        Sums of these quarters, whole minor units of ``currency``; it is ``None`` where they add
        up several.
    measured_on
        The day as of which it was measured.
    """

    owner_id: str
    team: str | None
    label: str | None
    ratio: float
    ratio_low: float
    ratio_high: float
    p_beyond: float
    beside_others: float | None
    deals_count: int
    quarters_count: int
    late_share: float | None
    late_low: float | None
    late_high: float | None
    won_count: int
    commit_minor: int | None
    won_minor: int | None
    currency: str | None
    measured_on: date


_NAMES = [field.name for field in fields(OwnerBiasRow)]


def write_owner_bias(ledger: Ledger, run_id: int, rows: Iterable[OwnerBiasRow]) -> int:
    """Append the owners of an open run of kind ``deals``; return how many.

    Raises
    ------
    ConflictError
        An owner occurs twice, or the run is closed.
    RowsError
        A number is not finite.
    """
    return write_rows(ledger, owner_bias, ({**vars(row), "run_id": run_id} for row in rows))


def read_owner_bias(
    ledger: Ledger,
    *,
    run_id: int,
    owner_id: str | None = None,
    team: str | None = None,
    book: Book | None = None,
) -> list[OwnerBiasRow]:
    """Return the owners of a run that are in a book, the surest bias first; it may have none."""
    query = (
        select(*[owner_bias.c[name] for name in _NAMES])
        .where(owner_bias.c.run_id == run_id, *is_in(book, owner_bias))
        .order_by(owner_bias.c.p_beyond.desc(), owner_bias.c.owner_id)
    )
    for column, wanted in ((owner_bias.c.owner_id, owner_id), (owner_bias.c.team, team)):
        if wanted is not None:
            query = query.where(column == wanted)
    with ledger.reading() as connection:
        return [OwnerBiasRow(*row) for row in connection.execute(query)]
