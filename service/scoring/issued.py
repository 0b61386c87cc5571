"""What was issued for one unit in one published run, and the release that said it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ledger.deals import DEAL_WIN
from ledger.engine import Ledger
from ledger.issued_deals import read_deal, read_deal_scores
from ledger.releases import Release, read_releases
from ledger.scores import read_account
from ledger.views import find_visible
from ledger.visible import Book
from lifecycle.errors import ModelNotFoundError


@dataclass(frozen=True)
class Wanted:
    """One issued score: of an account or a deal, by a model, in a run; the shortest horizon's."""

    model: str
    unit_id: str
    run_id: int
    horizon_days: int | None = None


def find_issued(
    ledger: Ledger, wanted: Wanted, book: Book | None = None
) -> tuple[dict[str, Any], Release]:
    """Return value, rank, band and reasons as they were issued, and the release behind them.

    Parameters
    ----------
    book
        A unit that is not in it is answered like one that is not there.

    Raises
    ------
    ModelNotFoundError
        The run did not score that unit by that model, or was never published.
    """
    found = _find_deal(ledger, wanted, book) if wanted.model == DEAL_WIN else None
    if wanted.model != DEAL_WIN:
        found = _find_account(ledger, wanted, book)
    if found is None:
        raise ModelNotFoundError(
            "no score of that model, id and run", "one that was issued", "correct them"
        )
    return found


def _find_account(
    ledger: Ledger, wanted: Wanted, book: Book | None
) -> tuple[dict[str, Any], Release] | None:
    if book is not None and not find_visible(ledger, [wanted.unit_id], book):
        return None
    mine = [
        one
        for one in read_account(ledger, wanted.unit_id, run_id=wanted.run_id)
        if one.model == wanted.model and wanted.horizon_days in {None, one.horizon_days}
    ]
    if not mine:
        return None
    one = min(mine, key=lambda score: score.horizon_days)
    said = (one.model_version, one.route, one.horizon_days)
    release = next(
        release
        for release in read_releases(ledger, wanted.model)
        if (release.version, release.route, release.horizon_days) == said
    )
    reasons = json.loads(one.reasons)
    return {"value": one.value, "rank": one.rank, "band": one.band, "reasons": reasons}, release


def _find_deal(
    ledger: Ledger, wanted: Wanted, book: Book | None
) -> tuple[dict[str, Any], Release] | None:
    published = [
        one for one in read_deal(ledger, wanted.unit_id, book) if one.run.run_id == wanted.run_id
    ]
    if not published:
        return None
    version = published[0].model_version
    one = read_deal_scores(ledger, [wanted.unit_id], run_id=wanted.run_id)[0]
    release = next(
        release for release in read_releases(ledger, wanted.model) if release.version == version
    )
    if wanted.horizon_days not in {None, release.horizon_days}:
        return None
    issued = {"value": one.p_win, "rank": one.rank, "band": one.band, "reasons": one.reasons}
    return issued, release
