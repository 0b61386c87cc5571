"""One training run of deals, top to bottom: past quarters, gate, refit, calibration, card."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from features.deals.facts import DealFacts, read_deal_facts
from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import DataError
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar
from lifecycle.snapshot import Snapshot
from models.deals.win import DealModel
from training.alarm import Finding, find_over_ceiling
from training.datasets import LONGEST_SILENCE_DAYS
from training.deals.alarm import find_deal_leaks
from training.deals.cards import build_deal_card, save_deal_model
from training.deals.gate import SERVING, decide_deals, list_serving, stand_all
from training.deals.hygiene import EPOCH
from training.deals.lone_fields import find_lone_deal_fields
from training.deals.past import DealPast, open_past, plan_past
from training.deals.replay import DealEvaluation, Replay, replay_deals
from training.deals.serving import NOTHING, Around, choose_around, fit_headline, serve_past
from training.deals.spec import DEAL_WIN
from training.gate import Verdict
from training.specs import Spec
from training.train import TrainOutputs, TrainResult, record_run

EVERY_WEEKS = 3
"""Landmarks learned from in the replay: neighbouring weeks say nearly the same."""


def train_deals(
    known: Snapshot,
    *,
    out: TrainOutputs,
    calendar: FiscalCalendar = CALENDAR_YEAR,
    spec: Spec = DEAL_WIN,
    ticker: Ticker | None = None,
) -> TrainResult:
    """Train the chance to win as of a day, on facts known before it.

    Parameters
    ----------
    known
        What is known on the day training stands on.
    out
        Where bundle and record go.
    calendar
        The company's fiscal calendar.
    spec
        The model; its ceiling is watched over where it has one.
    ticker
        Advanced by one for each candidate and past quarter, and three times more.

    Returns
    -------
    TrainResult
        The fitted model with its card and digest. Equal facts give equal digests.

    Raises
    ------
    NotEnoughHistoryError
        No quarter has ended since the first deal was opened.
    DataError
        The newest news of a deal is over a month old.
    GateError
        No candidate could be judged, or the model carries contact data.
    """
    progress = ticker or SilentTicker()
    past = read_past(known, calendar=calendar, out=out)
    progress.advance(1)
    replay = Replay(every_weeks=EVERY_WEEKS, ticker=progress)
    found = replay_deals(past, past.plan, spec.candidates, replay=replay)
    learned = past.learned()
    verdict = _decide(past, found)
    name = verdict.winner if verdict else SERVING[0]
    around = _choose_around(spec, found, name)
    found = serve_past(found, name) if verdict else found
    made = {model.name: make for make in spec.candidates for model in [make()]}
    headline = fit_headline(made[name], around, learned)
    model = DealModel(headline, around.by_amount).finish(learned)
    progress.advance(1)
    card = build_deal_card(spec, known, past, headline=headline, judged=(found, verdict))
    card |= {"calibration": around.told, "amount": model.amount_report}
    card["alarm"] = [one.to_json() for one in _find_leaks(spec, known, past, (found, verdict))]
    digest = save_deal_model(model, card, out.bundles_dir)
    card["bundle_digest"] = digest
    run = record_run(card, out)
    progress.advance(1)
    served = replace(spec, horizons=(learned.horizon_days,))
    return TrainResult(
        served, learned.horizon_days, past.plan.as_of, model, verdict, card, digest, run
    )


def read_past(known: Snapshot, *, calendar: FiscalCalendar, out: TrainOutputs) -> DealPast:
    """Read the landmarks of all past weeks.

    Raises
    ------
    NotEnoughHistoryError
        No quarter has ended since the first deal was opened.
    DataError
        The newest news of a deal is over a month old.
    """
    facts = read_deal_facts(known)
    check_current_deals(facts, known.day)
    plan = plan_past(facts, known.day, calendar=calendar)
    return open_past(known, plan, facts=facts, cache_dir=out.frames_dir)


def check_current_deals(facts: DealFacts, day: date) -> None:
    """Refuse a day long after the newest news of a deal: open deals would seem to stay open.

    Raises
    ------
    DataError
        The newest news is more than ``LONGEST_SILENCE_DAYS`` days old.
    """
    newest = [stream.known.max() for stream in facts.fields.values() if len(stream.known)]
    if not newest:
        return
    last = EPOCH + timedelta(days=int(max(newest)))
    if (day - last).days > LONGEST_SILENCE_DAYS:
        raise DataError(
            f"the newest news of a deal known before {day} is of {last}",
            f"one of the last {LONGEST_SILENCE_DAYS} days, or all deals would seem to stay open",
            f"ingest newer changes, or stand on --as-of {last + timedelta(days=1)}",
        )


def _decide(past: DealPast, found: DealEvaluation) -> Verdict | None:
    if not found.quarters:
        return None
    won, lost = past.count_closed()
    verdict = decide_deals(found, list_serving(won, lost))
    # rivals are shown beside those who may serve
    return replace(verdict, standings=stand_all(found))


def _choose_around(spec: Spec, found: DealEvaluation, name: str) -> Around:
    if not found.quarters:
        return NOTHING
    if name == spec.rule.baseline:
        return replace(NOTHING, told={"kind": "none", "text": "none: a base rate stays as it is"})
    return choose_around(found.found, name, found.found.origins)


def _find_leaks(
    spec: Spec, known: Snapshot, past: DealPast, judged: tuple[DealEvaluation, Verdict | None]
) -> list[Finding]:
    found, verdict = judged
    every = past.examples(list(past.plan.landmarks), past.plan.as_of)
    findings = find_deal_leaks(known, past.facts, every)
    best = None if verdict is None else verdict.best_learned
    if verdict is None or best is None:
        return findings
    if spec.ceiling is not None:
        findings += find_over_ceiling(found.found, [verdict.winner, best], spec.ceiling)
    made = {model.name: make for make in spec.candidates for model in [make()]}
    return findings + find_lone_deal_fields(
        past, found, best, candidate=made[best], every_weeks=EVERY_WEEKS
    )
