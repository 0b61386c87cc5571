"""Score every open deal as of an instant into the ledger, with its moves and its owners' bias.

Everything is computed first, then written under a run id, then made visible by one pointer update.
Renewals are a population apart and are counted, not scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from features.deals.facts import read_deal_facts
from features.deals.landmarks import deal_frame
from features.deals.states import left_out
from ledger.deals import DEAL_WIN, DealRow, write_deals
from ledger.engine import Ledger
from ledger.owner_bias import OwnerBiasRow, write_owner_bias
from ledger.releases import Release, read_champions
from ledger.runs import begin_run, publish_run
from lifecycle.errors import ModelNotFoundError
from lifecycle.periods import Quarter
from lifecycle.snapshot import Snapshot
from models.base import ScoreModel
from models.deals.win import DealModel
from models.scoring import load_model, score
from service.refresh.deal_moves import build_moves
from service.refresh.deal_rows import build_deal_rows
from service.refresh.listing import read_about
from service.refresh.owners import NO_POST, build_owner_rows, read_posts
from service.refresh.place import Place, read_data_as_of
from service.refresh.releases import choose_releases
from service.refresh.scoring import keep_features

_TELLING = ("opportunities", "opportunity_changes", "activities")


@dataclass(frozen=True)
class _Said:
    """All that a run of deals will say, before any of it is written."""

    frame: pa.Table
    rows: list[DealRow]
    owners: list[OwnerBiasRow]


def refresh_deals(snapshot: Snapshot, ledger: Ledger, *, place: Place) -> dict[str, Any]:
    """Score the open deals by the release that may speak as of the snapshot's day.

    Returns
    -------
    dict
        run_id, deals, model_version, stalled, owners (with a bias), labelled, renewals and
        created_and_closed (never scored, of all time), and why nothing was written (else null):
        without open deals the list of before stays.

    Raises
    ------
    ModelNotFoundError
        No model of deals was released.
    RefusedError
        All releases were trained as of later days.
    BundleError
        The bundle is missing or is not the one that was released.
    """
    release = find_deal_release(ledger, snapshot.day)
    facts = read_deal_facts(snapshot)
    frame = deal_frame(snapshot, facts=facts, calendar=place.calendar, cache_dir=place.frames_dir)
    if frame.num_rows == 0:
        why = f"no deal is open on {snapshot.day}"
        return {**_count(release, _Said(frame, [], [])), **left_out(facts), "why": why}
    model = load_model(place.bundles_dir, release.digest)
    # a model of deals without history says nothing of quarters
    in_quarter = isinstance(model, DealModel)
    posts = read_posts(snapshot)
    built = build_deal_rows(
        frame,
        score_deals(model, frame, horizon_days=release.horizon_days),
        names={name: about["name"] for name, about in read_about(snapshot).items()},
        moves=build_moves(facts, frame["opportunity_id"].to_pylist(), zone=snapshot.zone),
        in_quarter=in_quarter,
    )
    rows = [replace(row, region=posts.get(row.owner_id or "", NO_POST)["region"]) for row in built]
    said = _Said(frame, rows, build_owner_rows(snapshot, release, currency=_one_currency(frame)))
    quarter = Quarter.containing(snapshot.day, place.calendar) if in_quarter else None
    run_id = _write(snapshot, ledger, release, said=said, quarter=quarter)
    return {**_count(release, said), **left_out(facts), "run_id": run_id}


def refresh_deals_if_any(snapshot: Snapshot, ledger: Ledger, *, place: Place) -> dict[str, Any]:
    """Score as `refresh_deals` does; a company without a model of deals is told so, not refused.

    Returns
    -------
    dict
        As of `refresh_deals`; ``why`` is null too where there are no deals to speak of.
    """
    try:
        return refresh_deals(snapshot, ledger, place=place)
    except ModelNotFoundError as error:
        deals = snapshot.table("opportunities")
        found = int(snapshot.collect(deals.aggregate(n=deals.count()))["n"][0].as_py())
        why = f"{found:,} deals are not scored: {error}" if found else None
        return {"run_id": None, "deals": 0, "why": why}


def find_deal_release(ledger: Ledger, day: date) -> Release:
    """Return the release of deals that may speak as of a day.

    Raises
    ------
    ModelNotFoundError
        No model of deals was released.
    RefusedError
        All releases, of any model, were trained as of later days.
    """
    mine = [one for one in read_champions(ledger) if one.model == DEAL_WIN]
    mine = [one for one in choose_releases(ledger, day) if one.model == DEAL_WIN] if mine else []
    if not mine:
        raise ModelNotFoundError(
            f"no model of deals that was trained as of {day} or before",
            "a champion deal_win in the ledger",
            f"run `truecast train deal_win --as-of {day}`",
        )
    return mine[0]


def score_deals(model: ScoreModel, frame: pa.Table, *, horizon_days: int) -> pa.Table:
    """Score a frame of open deals: to the scorer a deal is its unit, whatever account it is of.

    Returns
    -------
    pyarrow.Table
        As ``models.scoring.score``, its ``account_id`` holding the deal's id.

    Raises
    ------
    FeatureMismatchError
        The frame lacks columns of the fit.
    ModelError
        A prediction is not finite.
    """
    unit = frame.column_names.index("account_id")
    keyed = frame.set_column(unit, "account_id", frame["opportunity_id"])
    return score(model, keyed, horizon_days=horizon_days)


def _write(
    snapshot: Snapshot,
    ledger: Ledger,
    release: Release,
    *,
    said: _Said,
    quarter: Quarter | None,
) -> int:
    days = (
        {}
        if quarter is None
        else {
            "quarter_start_on": quarter.start.isoformat(),
            "quarter_ends_before": quarter.end.isoformat(),
        }
    )
    run_id = begin_run(
        ledger,
        "deals",
        as_of=snapshot.day,
        data_as_of=read_data_as_of(snapshot, _TELLING),
        note={"frame_version": snapshot.version, **days},
    )
    keep_features(ledger, run_id, release.route, frame=said.frame, unit="opportunity_id")
    write_deals(ledger, run_id, release, rows=said.rows)
    write_owner_bias(ledger, run_id, said.owners)
    publish_run(ledger, run_id)
    return run_id


def _one_currency(frame: pa.Table) -> str | None:
    """Return the currency of all deals; ``None`` where they have several, or none."""
    found = [one for one in pc.unique(frame["currency"]).to_pylist() if one is not None]
    return found[0] if len(found) == 1 else None


def _count(release: Release, said: _Said) -> dict[str, Any]:
    return {
        "run_id": None,
        "deals": len(said.rows),
        "model_version": release.version,
        "stalled": sum(row.stalled for row in said.rows),
        "owners": len(said.owners),
        "labelled": sum(one.label is not None for one in said.owners),
        "why": None,
    }


def describe_deals(done: Mapping[str, Any]) -> list[str]:
    """Return what a refresh of deals did, in lines for people; empty where there are no deals."""
    if done["why"]:
        return [str(done["why"])]
    if done["run_id"] is None:
        return []
    lines = [
        f"{done['deals']:,} open deals scored by {done['model_version']}: "
        f"{done['stalled']:,} stand still"
    ]
    if done["owners"]:
        lines.append(
            f"commits of {done['owners']:,} owners compared with what they won: "
            f"{done['labelled']:,} are surely off (`truecast deals --bias`)"
        )
    return lines
