"""What is there to score deals with, what is missing, and how much more it takes.

Figures are of what was known on the day; a number that cannot be told is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow.compute as pc

from features.deals.facts import DealFacts, read_deal_facts
from features.deals.stages import UNMAPPED
from features.deals.states import left_out
from lifecycle.console import Console
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar
from lifecycle.snapshot import Snapshot
from models.deals.ladder import list_needs
from training.deals.hygiene import EPOCH
from training.deals.known import find_never_open, read_known
from training.deals.outcomes import Known
from training.deals.past import find_first_day, plan_past
from training.deals.plan import FEWEST_ORIGINS, DealPlan
from training.deals.turns import EVER, LOST, OPEN, WON

MONTH_DAYS = 30.44
MOST_NAMED = 20
QUESTIONS = {
    "win_in_quarter": "whether it is won in the quarter",
    "win_by_day": "whether it is won within so many days, and when it closes",
    "slip": "whether it slips past its close date",
    "amount": "for how much",
    "win_in_the_end": "whether it is won in the end",
}


def describe_readiness(
    known: Snapshot, *, calendar: FiscalCalendar = CALENDAR_YEAR
) -> dict[str, Any]:
    """Describe what deals are known and what they allow, as JSON values.

    Parameters
    ----------
    known
        What is known on the day.
    calendar
        The company's fiscal calendar.

    Returns
    -------
    dict
        ``as_of``; ``deals`` (counts); ``history`` (months, rows per deal, landmark weeks,
        quarters); ``quality`` (shares and stages nobody mapped); ``ladder`` (per rung what it
        needs and how much more); ``questions`` (each answered or not, and why); ``missing`` (what
        to do next, in sentences).

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    facts = read_deal_facts(known)
    outcomes = read_known(facts, known.day)
    plan = _plan(facts, known.day, calendar)
    deals = _count_deals(facts, outcomes)
    has_past = plan is not None and deals["won"] + deals["lost"] > 0
    report: dict[str, Any] = {
        "as_of": known.day.isoformat(),
        "deals": deals,
        "history": _describe_history(facts, plan),
        "quality": _describe_quality(facts),
        "unmapped_stages": find_unmapped(known),
        "hygiene": outcomes.hygiene.to_json(),
    }
    ends = ("won", "lost") if has_past else ("won_never_open", "lost_never_open")
    report["ladder"] = list_needs(*(deals[name] for name in ends))
    report["questions"] = _answer(deals, report["quality"], has_past=has_past)
    report["missing"] = _name_missing(report, has_past=has_past)
    return report


def _plan(facts: DealFacts, day: date, calendar: FiscalCalendar) -> DealPlan | None:
    try:
        return plan_past(facts, day, calendar=calendar)
    except NotEnoughHistoryError:
        return None


def _count_deals(facts: DealFacts, outcomes: Known) -> dict[str, int]:
    """Count deals by their state; those closed when first heard of stand apart."""
    every = np.arange(facts.count)
    last = outcomes.turns.last_before(every, np.full(len(every), EVER))
    state = outcomes.turns.states_of(last)
    swept = np.zeros(len(every), dtype=bool)
    if len(outcomes.turns.state):
        swept = outcomes.hygiene.swept[np.maximum(last, 0)] & (last >= 0)
    never = find_never_open(facts) & (state != OPEN)
    counts = {
        "known": np.ones(len(every), dtype=bool),
        "open": state == OPEN,
        "won": (state == WON) & ~never,
        "lost": (state == LOST) & ~never & ~swept,
        "closed_in_bulk": swept,
        "won_never_open": (state == WON) & never,
        "lost_never_open": (state == LOST) & never,
    }
    return {**{name: int(flags.sum()) for name, flags in counts.items()}, **left_out(facts)}


def _describe_history(facts: DealFacts, plan: DealPlan | None) -> dict[str, Any]:
    first = find_first_day(facts)
    days = 0 if first is None else max(facts.today - (first - EPOCH).days, 0)
    rows = sum(len(facts.fields[name].story) for name in ("stage", "amount", "close_on", "outcome"))
    return {
        "first_on": None if first is None else first.isoformat(),
        "months": round(days / MONTH_DAYS, 1),
        "rows_per_deal": round(rows / facts.count, 2) if facts.count else None,
        "landmark_weeks": len(plan.landmarks) if plan else 0,
        "quarters_judged": len(plan.origins) if plan else 0,
        "quarters_wanted": FEWEST_ORIGINS,
    }


def _describe_quality(facts: DealFacts) -> dict[str, Any]:
    every = np.arange(facts.count)
    today = np.full(facts.count, facts.today)
    story = facts.stories(every, today)
    touched = np.unique(facts.story_deal[facts.activities.story]) if facts.count else every

    def missing(name: str) -> float | None:
        return _share(np.isnan(facts.fields[name].at(story, today)))

    return {
        "with_activities_share": len(touched) / facts.count if facts.count else None,
        "amount_missing_share": missing("amount"),
        "close_on_missing_share": missing("close_on"),
        "owner_missing_share": missing("owner"),
        "account_missing_share": missing("account"),
        "stages_mapped": bool(facts.stages.spans),
        "unmapped_share": _share(_is_unmapped(facts)),
        "currencies": facts.words["currency"].to_pylist()[:MOST_NAMED],
    }


def _is_unmapped(facts: DealFacts) -> np.ndarray[Any, np.dtype[np.bool_]]:
    names = facts.stages.names
    code = names.index(UNMAPPED) if UNMAPPED in names else -1
    return np.asarray(facts.fields["stage"].value == code)


def _share(flags: np.ndarray[Any, np.dtype[np.bool_]]) -> float | None:
    return float(flags.mean()) if len(flags) else None


def find_unmapped(known: Snapshot) -> list[str]:
    """Return the source's stage names that no stage map knows; empty without any map.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    maps = known.collect(known.table("stage_maps").select("source_stage").distinct())
    if maps.num_rows == 0:
        return []
    deals, moves = known.table("opportunities"), known.table("opportunity_changes")
    moves = moves.filter(moves.field == "stage")
    told = deals.select(stage=deals.stage).union(moves.select(stage=moves.text_after)).distinct()
    names = known.collect(told.filter(told.stage.notnull())).column("stage")
    strange = names.filter(pc.invert(pc.is_in(names, value_set=maps.column("source_stage"))))
    return sorted(strange.to_pylist())[:MOST_NAMED]


def _answer(
    deals: Mapping[str, int], quality: Mapping[str, Any], *, has_past: bool
) -> list[dict[str, Any]]:
    """Say of each question whether it can be answered, and why not."""
    closed = deals["won_never_open"] + deals["lost_never_open"]
    no_past = "no history: what open deals looked like cannot be rebuilt"
    told = []
    for name, text in QUESTIONS.items():
        why = None
        if name == "win_in_the_end":
            why = None if has_past or closed else "no closed deal is known"
        elif not has_past:
            why = no_past
        elif name == "slip" and quality["close_on_missing_share"] == 1.0:
            why = "no deal shows a close date"
        elif name == "amount" and quality["amount_missing_share"] == 1.0:
            why = "no deal has an amount"
        told.append({"question": name, "text": text, "answered": why is None, "why_not": why})
    return told


def _name_missing(report: dict[str, Any], *, has_past: bool) -> list[str]:
    """Say what to do next, the gravest first."""
    told, history, quality = [], report["history"], report["quality"]
    if not has_past:
        told.append("ingest what moved when (changes or dated versions of deals)")
    for rung in report["ladder"]:
        if not rung["ready"]:
            told.append(
                f"{rung['learner']} needs {rung['needs']} won and {rung['needs']} lost deals: "
                f"{rung['more_won']} more won, {rung['more_lost']} more lost"
            )
    short = FEWEST_ORIGINS - history["quarters_judged"]
    if has_past and short > 0:
        word = "quarter" if short == 1 else "quarters"
        told.append(f"{short} more whole {word} of history, to judge {FEWEST_ORIGINS} of them")
    if has_past and not quality["stages_mapped"]:
        told.append("a stage map: the order of stages is learned from the data without one")
    if quality["unmapped_share"]:
        told.append(f"{quality['unmapped_share']:.0%} of stage moves are to stages nobody mapped")
    if has_past and quality["with_activities_share"] == 0.0:
        told.append("activities about deals: silence and meetings say much of a deal's chance")
    return told


def show_readiness(console: Console, report: dict[str, Any]) -> None:
    """Print the report for people."""
    deals, history = report["deals"], report["history"]
    console.table("deals", ["state", "count"], [[name, n] for name, n in deals.items()])
    console.table("history", ["what", "value"], [[name, n] for name, n in history.items()])
    console.table(
        "what each rung needs",
        ["learner", "won and lost", "more won", "more lost", "ready"],
        [[r["learner"], r["needs"], r["more_won"], r["more_lost"], r["ready"]]
         for r in report["ladder"]],
    )  # fmt: skip
    for one in report["questions"]:
        if not one["answered"]:
            console.say(f"cannot say {one['text']}: {one['why_not']}")
    if report["unmapped_stages"]:
        console.say(f"stages nobody mapped: {', '.join(report['unmapped_stages'])}")
    for text in report["missing"]:
        console.say(f"missing: {text}")
