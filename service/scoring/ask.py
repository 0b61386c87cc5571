"""One question, answered: stored scores, what-ifs on the last feature rows, whole feature rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ledger.feature_rows import FeatureLayout, read_digests, read_features
from ledger.runs import Run
from ledger.visible import Book
from lifecycle.errors import ModelNotFoundError, StaleError
from models.serving.checks import MOST_FAULTS, Expected, Fault, Faults
from models.serving.rows import unpack_rows
from service.deps import Service
from service.problems import refuse_parameter
from service.scoring.compute import About, Row, Saying, compute_rows
from service.scoring.keeper import Champion, Keeper
from service.scoring.lookup import Lookup, Stored
from service.scoring.questions import ID, Block, Question
from service.scoring.shapes import Wish

NOBODY = ""
NOT_SCORED = Fault("id", "not-scored", "an id that the last refresh scored")
UNKNOWN = Fault("features", "unknown-feature", "features of this model's route only")


@dataclass(frozen=True)
class _What:
    """Of which model and run is asked, what is wished, and when."""

    model: str
    run: Run
    wish: Wish
    now: datetime


class Asker:
    """Answers questions from the ledger and the keeper's champions."""

    def __init__(self, service: Service, keeper: Keeper) -> None:
        self._service, self._keeper = service, keeper
        self._lookup = Lookup(service)

    def ask(
        self,
        model: str,
        question: Question,
        *,
        book: Book | None = None,
        now: datetime | None = None,
    ) -> list[Row]:
        """Return the answers in the order of the question's ids.

        Parameters
        ----------
        book
            Ids that are not in it are answered like ids that nobody has.
        now
            UTC instant from which ages are counted; the clock's if left out.

        Raises
        ------
        ModelNotFoundError, NoScoresError, StaleError
            Nothing can answer: no champion, no published run, or all too old.
        Problem
            422: whole rows, and several routes have a champion.
        """
        made, when = [Row()] * len(question.ids), now or datetime.now(UTC)
        run = self._lookup.run_of(model)
        for block in question.blocks:
            ids = [question.ids[place] for place in block.places]
            if book is not None and block.given != "features":
                seen = self._lookup.visible(model, run, list(dict.fromkeys(ids)), book)
                ids = [name if name in seen else NOBODY for name in ids]
            if block.given == "stored":
                found = self._stored(model, run, ids, wish=question.wish, now=when)
            elif block.given == "overrides":
                asked = _What(model, run, question.wish, when)
                found = self._what_if(asked, block, ids)
            else:
                found = self._whole(_What(model, run, question.wish, when), block)
            for place, row in zip(block.places, found, strict=True):
                made[place] = row
        return made

    def run_of(self, model: str) -> Run:
        """Return the run whose scores of a model readers see.

        Raises
        ------
        NoScoresError
            None was published.
        """
        return self._lookup.run_of(model)

    def list_ids(self, model: str, book: Book | None, *, limit: int) -> list[str]:
        """Return at most so many ids of a book that have a stored score, in order.

        Raises
        ------
        NoScoresError
            No run was published.
        """
        return self._lookup.list_ids(model, self.run_of(model), book, limit=limit)

    def _stored(
        self, model: str, run: Run, ids: Sequence[str], *, wish: Wish, now: datetime
    ) -> list[Row]:
        self._refuse_old(run.started_at, now, "the last scores", "run `truecast refresh`")
        wanted = list(dict.fromkeys(ids))
        found = self._lookup.stored(model, run, wanted, horizon_days=wish.horizon_days)
        digests = read_digests(self._service.ledger, run.run_id, list(found)) if found else {}
        abouts: dict[tuple[object, ...], About] = {}
        rows = []
        for name in ids:
            one = found.get(name)
            if one is None:
                rows.append(Row(faults=[NOT_SCORED]))
                continue
            key = (one.unit, one.currency, one.route, one.horizon_days, one.release_id)
            about = abouts.setdefault(key, self._about_stored(run, one, now))
            reasons = one.reasons if wish.reasons else ""
            rows.append(Row(one.value, one.band, one.rank, about, digests.get(name), reasons))
        return rows

    def _what_if(self, what: _What, block: Block, ids: Sequence[str]) -> list[Row]:
        kept = read_features(self._service.ledger, what.run.run_id, list(dict.fromkeys(ids)))
        layouts = self._lookup.layouts(what.run.run_id)
        by_layout: dict[int, list[int]] = defaultdict(list)
        rows = [Row(faults=[NOT_SCORED])] * len(ids)
        for at, name in enumerate(ids):
            if name in kept:
                by_layout[kept[name].layout_id].append(at)
        for layout_id, members in by_layout.items():
            layout = layouts[layout_id]
            kinds = dict(zip(layout.names, layout.kinds, strict=True))
            frame = unpack_rows(kinds, [kept[ids[at]].values for at in members])
            champion = self._champion(what, layout.route)
            expected = Expected(kinds, champion.words)
            given, faults = expected.read(block.names, [block.cells[at] for at in members])
            _refuse_unknown(expected, block.names, faults, rows=len(members))
            frame = frame.with_columns({n: given.values(n) for n in given.column_names})
            made = compute_rows(self._saying(what, champion, of_run=True), frame, faults)
            for at, row in zip(members, made, strict=True):
                rows[at] = row
        return rows

    def _whole(self, what: _What, block: Block) -> list[Row]:
        layouts = list(self._lookup.layouts(what.run.run_id).values())
        layout = _choose_layout(layouts, what.wish)
        champion = self._champion(what, layout.route)
        kinds = dict(zip(layout.names, layout.kinds, strict=True))
        expected = Expected(kinds, champion.words)
        columns, faults = expected.read(block.names, block.cells)
        _refuse_unknown(expected, block.names, faults, rows=columns.num_rows)
        lacking = [
            Fault(name, "missing", "every feature named, null if unknown")
            for name in expected.find_missing(block.names)
        ]
        if lacking:
            every = range(columns.num_rows)
            faults = {at: [*faults.get(at, []), *lacking][:MOST_FAULTS] for at in every}
        saying = self._saying(what, champion, of_run=False)
        return compute_rows(saying, expected.fill(columns), faults)

    def _champion(self, what: _What, route: str) -> Champion:
        champions = self._keeper.champions.values()
        mine = [
            one
            for one in champions
            if (one.release.model, one.release.route) == (what.model, route)
            and what.wish.horizon_days in {None, one.release.horizon_days}
        ]
        if not mine:
            raise ModelNotFoundError(
                f"no loaded model {what.model} of the route {route} for that horizon",
                "a champion in the ledger whose bundle was accepted",
                "see /readyz, or run `truecast train`",
            )
        champion = min(mine, key=lambda one: one.release.horizon_days)
        made = champion.release.created_at
        self._refuse_old(made, what.now, "the model", f"run `truecast train {what.model}`")
        return champion

    def _saying(self, what: _What, champion: Champion, *, of_run: bool) -> Saying:
        release, run, options = champion.release, what.run, self._service.options
        money = champion.model.unit == "minor"
        edges = {}
        if money:
            edges = self._lookup.band_edges(
                run.run_id, release.model, release.route, horizon_days=release.horizon_days
            )
        old = (what.now - release.created_at).days > options.stale_after_days
        if of_run:
            old = old or self._service.is_stale(run.as_of, run.data_as_of, now=what.now)
        about = About(
            unit=champion.model.unit,
            currency=self._lookup.currency(run.run_id) if money else None,
            route=release.route,
            horizon_days=release.horizon_days,
            model_version=release.version,
            as_of=run.as_of if of_run else None,
            data_as_of=run.data_as_of if of_run else None,
            scored_at=what.now,
            stale=old,
            issued=False,
        )
        return Saying(champion, about, edges, what.wish.reasons)

    def _about_stored(self, run: Run, one: Stored, now: datetime) -> About:
        version = self._service.spoken(run.run_id).versions[one.release_id]
        stale = self._service.is_stale(run.as_of, run.data_as_of, now=now)
        when = (run.as_of, run.data_as_of, run.started_at, stale, True)
        return About(one.unit, one.currency, one.route, one.horizon_days, version, *when)

    def _refuse_old(self, made_at: datetime, now: datetime, what: str, todo: str) -> None:
        limit = self._service.options.refuse_after_days
        if now - made_at > timedelta(days=limit):
            days = (now - made_at).days
            raise StaleError(f"{what} of {days} days ago", f"at most {limit} days old", todo)


def _choose_layout(layouts: Sequence[FeatureLayout], wish: Wish) -> FeatureLayout:
    fitting = [one for one in layouts if wish.route in {None, one.route}]
    if len(fitting) != 1:
        told = " or ".join(sorted(one.route for one in layouts)) or "none: nothing was scored"
        raise refuse_parameter("body.route", f"whose features these are: {told}")
    return fitting[0]


def _refuse_unknown(expected: Expected, names: Sequence[str], faults: Faults, *, rows: int) -> None:
    """Note a fault for every row if a feature is unknown; its name is not repeated."""
    if not set(names) - {ID} <= set(expected.kinds):
        for at in range(rows):
            faults.setdefault(at, []).append(UNKNOWN)
