"""What the ledger keeps of a run, as questions need it: stored scores and feature rows, by id."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.deals import DEAL_WIN
from ledger.documents import dump_document
from ledger.feature_rows import FeatureLayout, read_layouts
from ledger.issued_deals import list_scored_deals, read_deal_scores
from ledger.runs import Run, RunKind, read_current_run
from ledger.scores import list_scored, read_band_edges, read_currency, read_scores
from ledger.views import find_visible
from ledger.visible import Book
from lifecycle.errors import NoScoresError
from service.deps import Service

DEALS_ROUTE = "deals"
REMEMBERED = 32
RUN_SECONDS = 0.5


@dataclass(frozen=True)
class Stored:
    """One stored score of the run that readers see now; ``reasons`` is JSON text."""

    value: float
    unit: str
    currency: str | None
    rank: int
    band: str
    route: str
    horizon_days: int
    release_id: int
    reasons: str


class Lookup:
    """Reads of the current run, and what of it never changes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._runs: dict[RunKind, tuple[Run, float]] = {}
        self._layouts: dict[int, dict[int, FeatureLayout]] = {}
        self._currencies: dict[int, str | None] = {}
        self._edges: dict[tuple[int, str, str, int], dict[str, float]] = {}

    def run_of(self, model: str) -> Run:
        """Return the run whose scores of a model readers see; a new one is seen in half a second.

        Raises
        ------
        NoScoresError
            None was published.
        """
        run, read_at = self._runs.get(_kind_of(model), (None, 0.0))
        if run is not None and time.monotonic() - read_at <= RUN_SECONDS:
            return run
        return self.newest_run(model)

    def newest_run(self, model: str) -> Run:
        """Return the run that `run_of` means, read now: one published a moment ago is seen.

        Raises
        ------
        NoScoresError
            None was published.
        """
        kind, now = _kind_of(model), time.monotonic()
        run = read_current_run(self._service.ledger, kind)
        if run is None:
            raise NoScoresError(
                "no scores were published yet", "at least one run", "run `truecast refresh`"
            )
        self._runs[kind] = (run, now)
        return run

    def stored(
        self, model: str, run: Run, ids: Sequence[str], *, horizon_days: int | None
    ) -> dict[str, Stored]:
        """Return a run's stored scores by id; ids without one are left out.

        So is what a run has that was published since: the caller asks for the newest run then.
        """
        if model == DEAL_WIN:
            return self._stored_deals(run, ids, horizon_days)
        rows = read_scores(
            self._service.ledger, model, account_ids=list(ids), horizon_days=horizon_days
        )
        return {
            row.account_id: Stored(
                *(row.value, row.unit, row.currency, row.rank, row.band, row.route),
                *(row.horizon_days, row.release_id, row.reasons),
            )
            for row in rows
            if row.run_id == run.run_id
        }

    def visible(self, model: str, run: Run, ids: Sequence[str], book: Book) -> set[str]:
        """Return which ids are in a book."""
        ledger = self._service.ledger
        if model != DEAL_WIN:
            return find_visible(ledger, ids, book)
        rows = read_deal_scores(ledger, ids, run_id=run.run_id, book=book)
        return {row.opportunity_id for row in rows}

    def list_ids(self, model: str, run: Run, book: Book | None, *, limit: int) -> list[str]:
        """Return at most so many ids of a book that a run scored by a model, in order."""
        ledger, run_id = self._service.ledger, run.run_id
        if model == DEAL_WIN:
            return list_scored_deals(ledger, run_id, limit=limit, book=book)
        return list_scored(ledger, run_id, model, limit=limit, book=book)

    def layouts(self, run_id: int) -> dict[int, FeatureLayout]:
        """Return the layouts of a run by their number; remembered, for a run is closed."""
        found = self._layouts.get(run_id)
        if found is None:
            if len(self._layouts) >= REMEMBERED:
                self._layouts.clear()
            found = {one.layout_id: one for one in read_layouts(self._service.ledger, run_id)}
            self._layouts[run_id] = found
        return found

    def band_edges(
        self, run_id: int, model: str, route: str, *, horizon_days: int
    ) -> dict[str, float]:
        """Return from which amount on a run's values were ``high`` and ``medium``; remembered."""
        key = (run_id, model, route, horizon_days)
        found = self._edges.get(key)
        if found is None:
            if len(self._edges) >= REMEMBERED:
                self._edges.clear()
            found = read_band_edges(
                self._service.ledger, run_id, model, route=route, horizon_days=horizon_days
            )
            self._edges[key] = found
        return found

    def currency(self, run_id: int) -> str | None:
        """Return the currency of a run's amounts; remembered."""
        if run_id not in self._currencies:
            self._currencies[run_id] = read_currency(self._service.ledger, run_id)
        return self._currencies[run_id]

    def _stored_deals(
        self, run: Run, ids: Sequence[str], horizon_days: int | None
    ) -> dict[str, Stored]:
        speaker = self._service.spoken(run.run_id).speakers[0]
        if horizon_days not in {None, speaker.horizon_days}:
            return {}
        rows = read_deal_scores(self._service.ledger, list(ids), run_id=run.run_id)
        return {
            row.opportunity_id: Stored(
                *(row.p_win, "probability", None, row.rank, row.band, DEALS_ROUTE),
                *(speaker.horizon_days, speaker.release_id, dump_document(row.reasons, "reasons")),
            )
            for row in rows
        }


def _kind_of(model: str) -> RunKind:
    return "deals" if model == DEAL_WIN else "scores"
