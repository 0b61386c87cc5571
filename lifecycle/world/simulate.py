"""Let a world happen: one forward pass over its weeks, latents and events kept."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.births import (
    Columns,
    build_base,
    build_newcomers,
    build_state,
    gather_accounts,
)
from lifecycle.world.contracts import step_contracts
from lifecycle.world.desk import Desk
from lifecycle.world.hazards import trigger_chance
from lifecycle.world.health import advance_latents, settle_latents
from lifecycle.world.macro import build_macro
from lifecycle.world.movements import Books
from lifecycle.world.pipeline import Pipeline
from lifecycle.world.presets import WorldParams
from lifecycle.world.seams import ExpansionTriggers, no_triggers
from lifecycle.world.seeds import Streams
from lifecycle.world.state import Ints, State
from lifecycle.world.trace import JUMP, PRODUCT_ADDON, Records, Trace, Weekly

Week = dict[str, npt.NDArray[Any]]

KINDS: dict[str, tuple[Any, Any]] = {
    "SmallFloats": (np.float32, np.nan),
    "MinorArray": (np.int64, 0),
    "DayArray": (np.int32, -1),
    "Flags": (np.bool_, False),
}
# how each matrix is stored, and what stands in it before an account exists
MATRICES = {one.name: KINDS[str(one.type)] for one in fields(Weekly) if one.name != "health"}


class World:
    """A world on its way: stepped week by week, then closed.

    Parameters
    ----------
    params
        What it is made from.
    """

    def __init__(self, params: WorldParams) -> None:
        self._params, self._streams = params, Streams(params.seed)
        self._macro = build_macro(params, self._streams.rng("macro"))
        self._pipeline = Pipeline(params, self._streams)
        rng = self._streams.rng("accounts")
        columns = build_base(params, rng)
        state = build_state(params, columns, np.asarray(self._macro.price[0]), rng)
        settle_latents(state, params, rng)
        self._desk = Desk(params, state.take(np.empty(0, np.int64)), Books(),
                          self._streams.rng("contracts"))  # fmt: skip
        self._born: list[Columns] = []
        self._kept: list[Week] = []
        self._jumps: list[Records] = []
        self._triggers = no_triggers()
        self._join(columns, state)

    def step(self, week: int) -> None:
        """Live through one week; weeks come in order from 0."""
        desk, macro = self._desk, self._macro
        self._kept.append(_copy(desk.state))
        wins = self._pipeline.step(week, macro, self._triggers)
        closed = step_contracts(
            desk, week, churn=macro.churn[week], price=macro.price[week], wins=wins.expansions
        )
        befell = advance_latents(desk.state, self._params, self._streams.rng("health"))
        self._note_jumps(befell, week)
        rng = self._streams.rng("accounts")
        columns = build_newcomers(self._params, wins.new_business, week, rng)
        self._join(columns, build_state(self._params, columns, macro.price[week : week + 1], rng))
        self._triggers = self._ask(closed)

    def close(self) -> Trace:
        """Return what happened once the last week is over."""
        self._kept.append(_copy(self._desk.state))
        weekly = _stack(self._kept)
        lines, movements = self._desk.books.close()
        return Trace(
            params=self._params,
            macro=self._macro,
            accounts=gather_accounts(self._born),
            weekly=weekly,
            lines=lines,
            movements=movements,
            jumps=np.concatenate([np.zeros(0, JUMP), *self._jumps]),
            pipeline=self._pipeline.finish(),
        )

    def _join(self, columns: Columns, state: State) -> None:
        desk, first, count = self._desk, len(self._desk.state), len(state)
        self._born.append(columns)
        desk.state.join(state)
        names = ("term_months", "notice_days", "billing_months", "payment_terms_days",
                 "auto_renew", "started_day")  # fmt: skip
        rows = np.arange(first, first + count)
        facts = {name: columns[name] for name in names}
        base = desk.books.open_lines(
            count, account=rows, product=columns["product"], deal=columns["deal"],
            discount_share=columns["discount_share"], **facts,
        )  # fmt: skip
        second = np.flatnonzero(state.addon_mrr_minor > 0)
        addon = np.full(count, -1)
        addon[second] = desk.books.open_lines(
            len(second), account=rows[second], product=PRODUCT_ADDON, discount_share=0.0,
            **{name: values[second] for name, values in facts.items()},
        )  # fmt: skip
        desk.extend(base, addon)
        self._write_new(rows, rows[second], columns)

    def _write_new(self, rows: Ints, second: Ints, columns: Columns) -> None:
        day = columns["started_day"]
        self._desk.write("new", rows, addon=False, mrr_before_minor=0, seats_before=0,
                         decided_day=day, effective_day=day, deal=columns["deal"])  # fmt: skip
        some = day[second - (rows[0] if len(rows) else 0)]
        self._desk.write("new", second, addon=True, mrr_before_minor=0, decided_day=some,
                         effective_day=some)  # fmt: skip

    def _note_jumps(self, befell: Ints, week: int) -> None:
        rows = np.flatnonzero(befell >= 0)
        jumps = np.zeros(len(rows), JUMP)
        jumps["kind"], jumps["account"], jumps["week"] = befell[rows], rows, week
        self._jumps.append(jumps)

    def _ask(self, closed: Ints) -> ExpansionTriggers:
        state = self._desk.state
        luck = self._streams.rng("triggers").random(len(state))
        rows = np.flatnonzero(luck < trigger_chance(state, self._params))
        return ExpansionTriggers(
            account_index=rows,
            base_mrr_minor=state.mrr_minor[rows],
            segment=state.segment[rows],
            region=self._fact("region", rows),
            csm=self._fact("csm", rows),
            health=state.health[rows],
            closed_index=closed,
        )

    def _fact(self, name: str, rows: Ints) -> Ints:
        joined = np.concatenate([one[name] for one in self._born])
        return joined[rows].astype(np.int64)


def simulate(params: WorldParams) -> Trace:
    """Make a world.

    Parameters
    ----------
    params
        The same parameters always give the same world, to the last cent.

    Returns
    -------
    Everything that happened, latents and truth included.
    """
    world = World(params)
    for week in range(params.weeks):
        world.step(week)
    return world.close()


def _copy(state: State) -> Week:
    """Keep a week in the small types in which the trace holds it."""
    return {name: getattr(state, name).astype(kind) for name, (kind, _) in MATRICES.items()}


def _stack(weeks: list[Week]) -> Weekly:
    """Turn the weeks' columns into matrices, and let go of them one name at a time."""
    count = len(weeks[-1]["base"])
    matrices: dict[str, npt.NDArray[Any]] = {}
    for name, (kind, unborn) in MATRICES.items():
        matrices[name] = np.full((count, len(weeks)), unborn, kind)
        for at, week in enumerate(weeks):
            column = week.pop(name)
            matrices[name][: len(column), at] = column
    health = matrices["base"] + matrices["champion"]
    health += matrices["incident"]
    health += matrices["competitor"]
    return Weekly(health=health, **matrices)
