"""Score the accounts of both routes as of an instant into the ledger, and list who is at risk.

Everything is computed first, then written in chunks under a run id, then made visible by one
pointer update: a process that dies on the way leaves the answers of the run before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from ledger.deals import DEAL_WIN
from ledger.engine import Ledger
from ledger.holdouts import HELD_OUT, read_holdouts
from ledger.releases import Release, read_champions
from ledger.runs import begin_run, publish_run
from ledger.scores import write_scores
from ledger.views import AtRiskRow, write_at_risk
from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import ModelNotFoundError
from lifecycle.snapshot import Snapshot
from models.expected_loss import rank_within
from service.refresh.coverage import OLD_AFTER_DAYS, read_age_days
from service.refresh.holdouts import draw_holdouts, mark_treatments
from service.refresh.listing import list_orderers
from service.refresh.listing_contracts import list_contracts
from service.refresh.outcomes import judge_scores
from service.refresh.place import Place, read_data_as_of
from service.refresh.releases import choose_releases, speaks_of_lines
from service.refresh.routes import CONTRACTUAL, RouteFrame, build_routes
from service.refresh.scoring import Scored, build_score_rows, keep_features, score_release
from service.refresh.treatments import read_treatments


@dataclass(frozen=True)
class ScoredRoute:
    """One route's accounts and what its releases say of them; nothing without a release."""

    route: RouteFrame
    scored: list[Scored]


@dataclass(frozen=True)
class _Draft:
    """All that a run will say, before any of it is written."""

    routes: list[ScoredRoute]
    listed: list[AtRiskRow]
    age_days: int


def refresh_scores(
    snapshot: Snapshot, ledger: Ledger, *, place: Place, ticker: Ticker | None = None
) -> dict[str, Any]:
    """Judge scores that have matured, score every account anew, and list who is at risk.

    Returns
    -------
    dict
        run_id, accounts, models, counts by status, held_out, judged (scores whose outcome was
        written), routes scored, unscored (accounts by route that has no release), and
        data_age_days with facts_are_old: no account is drawn on facts that ended long ago.

    Raises
    ------
    NotEnoughHistoryError
        No account has bought or signed before the snapshot's instant.
    ModelNotFoundError
        No release speaks for the accounts there are.
    """
    shown = ticker or SilentTicker()
    chosen = choose_releases(ledger, snapshot.day)
    releases = [release for release in chosen if not speaks_of_lines(release)]
    routes = [
        ScoredRoute(one, _score(one, releases, place=place, ticker=shown))
        for one in build_routes(snapshot, frames_dir=place.frames_dir)
    ]
    if not any(one.scored for one in routes):
        missing = ", ".join(one.route.route for one in routes)
        raise ModelNotFoundError(
            f"no release for accounts of the route {missing}",
            "a champion of that route",
            "run `truecast train churn` and `clv` again",
        )
    judged = judge_scores(snapshot, ledger, campaign=place.campaign)
    age_days = read_age_days(snapshot)
    listed = _list(snapshot, ledger, routes, place=place, draw=age_days <= OLD_AFTER_DAYS)
    draft = _Draft(routes, listed, age_days)
    run_id = _write(snapshot, ledger, draft, place=place, ticker=shown)
    age = {"data_age_days": draft.age_days, "facts_are_old": draft.age_days > OLD_AFTER_DAYS}
    return {"run_id": run_id, **_count(draft), "judged": judged, **age}


def refresh_scores_if_any(
    snapshot: Snapshot, ledger: Ledger, *, place: Place, ticker: Ticker | None = None
) -> dict[str, Any]:
    """Score as `refresh_scores` does, or say why not: a company may have released deals alone.

    Raises
    ------
    NotEnoughHistoryError, ModelNotFoundError
        As `refresh_scores`, where a model of accounts, or none at all, was released.
    """
    released = {release.model for release in read_champions(ledger)}
    if released != {DEAL_WIN}:
        return refresh_scores(snapshot, ledger, place=place, ticker=ticker)
    why = "no model of accounts was released: run `truecast train churn` and `clv`"
    return {"run_id": None, "accounts": 0, "routes": [], "why": why}


def _score(
    route: RouteFrame, releases: Sequence[Release], *, place: Place, ticker: Ticker
) -> list[Scored]:
    scored = []
    for release in releases:
        if release.route == route.route and route.frame.num_rows:
            scored.append(score_release(release, route.frame, bundles_dir=place.bundles_dir))
            ticker.advance()
    return scored


def _list(
    snapshot: Snapshot,
    ledger: Ledger,
    routes: Sequence[ScoredRoute],
    *,
    place: Place,
    draw: bool,
) -> list[AtRiskRow]:
    """Build the one list of both routes: ranked within each status by expected loss."""
    rows: list[AtRiskRow] = []
    for one in routes:
        build = list_contracts if one.route.route == CONTRACTUAL else list_orderers
        rows += build(snapshot, one.route, one.scored, place=place)
    if draw:
        drawn = draw_holdouts(ledger, rows, day=snapshot.day, place=place)
    else:
        drawn = read_holdouts(ledger, place.campaign)
    span = (snapshot.day - timedelta(days=place.horizon_days), snapshot.day)
    rows = mark_treatments(rows, drawn, treated=read_treatments(snapshot), span=span)
    return rank_rows(rows)


def rank_rows(rows: Sequence[AtRiskRow]) -> list[AtRiskRow]:
    """Rank the rows of both routes together, 1 the largest expected loss of its status.

    Of equal losses the larger value comes first: an account that gave notice has no expected loss
    left.
    """
    key = np.array([(-row.expected_loss_minor, -row.value_if_kept_minor) for row in rows])
    key = key.reshape(-1, 2)
    places = np.empty(len(rows))
    places[np.lexsort((key[:, 1], key[:, 0]))] = np.arange(len(rows))
    ranks = rank_within(-places, [row.status for row in rows])
    return [replace(row, rank=rank) for row, rank in zip(rows, ranks, strict=True)]


def _write(
    snapshot: Snapshot,
    ledger: Ledger,
    draft: _Draft,
    *,
    place: Place,
    ticker: Ticker,
) -> int:
    run_id = begin_run(
        ledger,
        "scores",
        as_of=snapshot.day,
        data_as_of=read_data_as_of(snapshot),
        note={"frame_version": snapshot.version},
    )
    for one in draft.routes:
        if one.scored:
            keep_features(ledger, run_id, one.route.route, frame=one.route.frame)
        for scored in one.scored:
            rows = build_score_rows(scored, currency=place.currency)
            write_scores(ledger, run_id, rows)
            ticker.advance()
    write_at_risk(ledger, run_id, draft.listed)
    publish_run(ledger, run_id)
    return run_id


def _count(draft: _Draft) -> dict[str, Any]:
    routes, listed = draft.routes, draft.listed
    status = [row.status for row in listed]
    return {
        "accounts": sum(one.route.frame.num_rows for one in routes if one.scored),
        "models": [
            f"{s.release.model} {s.release.horizon_days} d"
            + (f" {s.release.route}" if len(routes) > 1 else "")
            for one in routes
            for s in one.scored
        ],
        **{name: status.count(name) for name in ("at_risk", "lapsed", "notice_given")},
        "held_out": sum(row.treatment == HELD_OUT for row in listed),
        "routes": [one.route.route for one in routes if one.scored],
        "unscored": {
            one.route.route: one.route.frame.num_rows
            for one in routes
            if not one.scored and one.route.frame.num_rows
        },
    }
