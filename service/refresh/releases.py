"""Which release may speak as of a day, and which of several horizons is asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ledger.engine import Ledger
from ledger.releases import Release, read_champions, read_releases
from lifecycle.errors import ModelNotFoundError, RefusedError

ROUTES = ("non_contractual", "contractual")
_OF_LINES = "_subscription"


def speaks_of_lines(release: Release) -> bool:
    """Say whether a release scores contract lines: the list and the refresh are of accounts."""
    return release.model.endswith(_OF_LINES)


def choose_releases(ledger: Ledger, as_of: date) -> list[Release]:
    """Return, per model, route and horizon, the release that may speak as of a day.

    The champion, unless it was trained as of a later day: its scores would know the future. Then
    the release trained as of the latest day up to that one takes its place.

    Raises
    ------
    ModelNotFoundError
        Nothing was ever released.
    RefusedError
        All releases were trained as of later days.
    """
    champions = read_champions(ledger)
    if not champions:
        raise ModelNotFoundError(
            "no released model", "a champion in the ledger", "run `truecast train churn` and `clv`"
        )
    known = [release for release in read_releases(ledger) if release.as_of <= as_of]
    chosen = []
    for champion in champions:
        older = [release for release in known if _key(release) == _key(champion)]
        if champion.as_of <= as_of:
            chosen.append(champion)
        elif older:
            chosen.append(max(older, key=lambda release: (release.as_of, release.release_id)))
    if not chosen:
        raise RefusedError(
            f"every release was trained as of {min(c.as_of for c in champions)} or later",
            f"one trained as of {as_of} or before: a later one would know the future",
            f"run `truecast train MODEL --as-of {as_of}`",
        )
    return chosen


def nearest_release(
    releases: Iterable[Release], model: str, *, route: str, horizon_days: int
) -> Release | None:
    """Return a model's release of a route over a horizon (days), or over the nearest to it."""
    fitting = [one for one in releases if (one.model, one.route) == (model, route)]
    if not fitting:
        return None
    return min(fitting, key=lambda r: (abs(r.horizon_days - horizon_days), r.horizon_days))


def _key(release: Release) -> tuple[str, str, int]:
    return release.model, release.route, release.horizon_days
