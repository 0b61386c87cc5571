"""One question, answered: stored scores, what-ifs on the last feature rows, whole feature rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from ledger.feature_rows import FeatureLayout, FeatureRow, read_digests, read_features
from ledger.runs import Run
from ledger.visible import Book
from lifecycle.errors import ModelNotFoundError, StaleError, TruecastError
from models.serving.checks import MOST_FAULTS, Expected, Fault, Faults
from models.serving.rows import unpack_rows
from service.deps import Service
from service.problems import refuse_parameter
from service.scoring.compute import About, Row, Saying, compute_rows
from service.scoring.keeper import Champion, Keeper
from service.scoring.lookup import Lookup, Stored
from service.scoring.questions import ID, Block, Question
from service.scoring.shapes import Wish
from service.shapes import ID_PATTERN

NOBODY = ""
NO_ID = Fault("id", "form", f"text that matches {ID_PATTERN}")
NOT_SCORED = Fault("id", "not-scored", "an id that the last refresh scored")
UNKNOWN = Fault("features", "unknown-feature", "features of this model's route only")
NO_MODEL = Fault("model", "no-model", "a loaded model of the row's route and that horizon")
TOO_OLD = Fault("model", "too-old", "scores and models that are not too old to serve")


@dataclass(frozen=True)
class _What:
    """Of which model and run is asked, what is wished, and when.

    Attributes
    ----------
    refused
        Why rows of some routes got no answer from anybody; filled on the way.
    """

    model: str
    run: Run
    wish: Wish
    now: datetime
    refused: list[TruecastError] = field(default_factory=list)


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
            No row has an answer: no champion, no published run, or all too old.
        Problem
            422: whole rows, and several routes have a champion.
        """
        run, when = self._lookup.run_of(model), now or datetime.now(UTC)
        while True:
            what = _What(model, run, question.wish, when)
            rows = self._answer(what, question, book)
            if not any(NOT_SCORED in row.faults for row in rows):
                break
            # a run published a moment ago has scored others: one run answers the whole question
            run = self._lookup.newest_run(model)
            if run.run_id == what.run.run_id:
                break
        nobody = what.refused and all(row.about is None for row in rows)
        if nobody and not self._may_answer_others(what, question):
            raise what.refused[0]
        return rows

    def _answer(self, what: _What, question: Question, book: Book | None) -> list[Row]:
        """Return the answers of one run; rows that are in no block have no id."""
        made = [Row(faults=[NO_ID])] * len(question.ids)
        for block in question.blocks:
            ids = [question.ids[place] for place in block.places]
            if book is not None and block.given != "features":
                wanted = list(dict.fromkeys(ids))
                seen = self._lookup.visible(what.model, what.run, wanted, book)
                ids = [name if name in seen else NOBODY for name in ids]
            for place, row in zip(block.places, self._answer_block(what, block, ids), strict=True):
                made[place] = row
        return made

    def _answer_block(self, what: _What, block: Block, ids: Sequence[str]) -> list[Row]:
        if block.given == "overrides":
            return self._what_if(what, block, ids)
        if block.given == "features":
            return _or_refused(what, len(ids), lambda: self._whole(what, block))
        return _or_refused(what, len(ids), lambda: self._stored(what, ids))

    def _may_answer_others(self, what: _What, question: Question) -> bool:
        """Tell whether rows beside these, a job's changed rows of another route, have answers."""
        if question.alone or any(block.given != "overrides" for block in question.blocks):
            return False
        for layout in self._lookup.layouts(what.run.run_id).values():
            with suppress(ModelNotFoundError, StaleError):
                self._champion(what, layout.route)
                return True
        return False

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

    def _stored(self, what: _What, ids: Sequence[str]) -> list[Row]:
        run, wish, now = what.run, what.wish, what.now
        self._refuse_old(run.started_at, now, "the last scores", "run `truecast refresh`")
        wanted = list(dict.fromkeys(ids))
        found = self._lookup.stored(what.model, run, wanted, horizon_days=wish.horizon_days)
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
            layout, of_layout = layouts[layout_id], [kept[ids[at]] for at in members]
            cells = [block.cells[at] for at in members]
            part = Block(block.given, members, block.names, cells)
            answer = partial(self._change, what, part, layout, of_layout)
            for at, row in zip(members, _or_refused(what, len(members), answer), strict=True):
                rows[at] = row
        return rows

    def _change(
        self, what: _What, block: Block, layout: FeatureLayout, kept: Sequence[FeatureRow]
    ) -> list[Row]:
        """Return what is said of kept rows of one layout with other values in them."""
        champion = self._champion(what, layout.route)
        kinds = dict(zip(layout.names, layout.kinds, strict=True))
        frame = unpack_rows(kinds, [row.values for row in kept])
        expected = Expected(kinds, champion.words)
        given, faults = expected.read(block.names, block.cells)
        _refuse_unknown(expected, block.names, faults, rows=frame.num_rows)
        frame = frame.with_columns({n: given.values(n) for n in given.column_names})
        return compute_rows(self._saying(what, champion, of_run=True), frame, faults)

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
            currency=(self._lookup.currency(run.run_id) or options.currency) if money else None,
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


def _or_refused(what: _What, count: int, answer: Callable[[], list[Row]]) -> list[Row]:
    """Return an answer; where nobody can give it, as many rows that say so."""
    try:
        return answer()
    except (ModelNotFoundError, StaleError) as error:
        what.refused.append(error)
        fault = TOO_OLD if isinstance(error, StaleError) else NO_MODEL
        return [Row(faults=[fault])] * count


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
