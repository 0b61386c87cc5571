"""What happened after issued risks, once their horizon has passed: written once, kept for ever.

- contractual: it left when the last of its contract lines was decided to end within the horizon;
  the day is the decision's, not the end's
- non_contractual: it left when it made no purchase (a sale with a positive amount) in the horizon

A decision can be known late: where a company records no notices, a non-renewal shows only when the
term ends, a notice period after it was decided. Contracts are then judged the longest notice period
(at most 90 days) after the horizon. Nothing is judged that the record does not cover, nor within a
grace after the horizon (see coverage); nor what cannot be: the lines turned out to be a test, or to
be decided before the score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

from features.ends import GRACE_DAYS
from features.lines import build_lines
from ledger.engine import Ledger
from ledger.holdouts import Holdout, read_holdouts
from ledger.outcomes import MaturedScore, ScoreOutcome, read_matured, write_outcomes
from lifecycle.merges import read_survivors
from lifecycle.periods import day_start
from lifecycle.snapshot import Snapshot
from service.refresh.coverage import read_coverage
from service.refresh.routes import CONTRACTUAL
from service.refresh.scoring import CHURN
from service.refresh.treatments import (
    Treatments,
    read_treatments,
    was_treated,
)

LAPSED = "lapsed"
LONGEST_LAG_DAYS = 90


@dataclass(frozen=True)
class Fate:
    """Whether an account left within a window, on which day, and why."""

    left: bool
    left_on: date | None = None
    cause: str | None = None


@dataclass(frozen=True)
class Line:
    """One spell of a contract line; without an end it lives."""

    started_on: date
    decided_on: date | None
    ended_on: date | None
    cause: str | None
    notice_days: int | None = None


_READ = ("started_on", "decided_on", "ended_on", "cause", "notice_days")
Lines = Mapping[str, list[Line]]


def judge_scores(snapshot: Snapshot, ledger: Ledger, *, campaign: str) -> int:
    """Write what happened after every score whose horizon the facts cover; return how many.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    matured = read_matured(ledger, CHURN, known_on=snapshot.day)
    if not matured:
        return 0
    drawn, treated = read_holdouts(ledger, campaign), read_treatments(snapshot)
    rows = (
        _outcome(one, fate, drawn=drawn.get(one.account_id), treated=treated, known_on=snapshot.day)
        for one, fate in _judge(snapshot, matured)
    )
    return write_outcomes(ledger, rows)


def fate_of_lines(lines: list[Line], start: date, end: date) -> Fate | None:
    """Judge one account's contract lines over ``[start, end)``; ``None`` if it cannot be judged.

    Lines that follow each other within the grace are one contract. It cannot be judged if none was
    live at the start, or if it was decided to end before the start: then the score came too late.
    """
    span: list[Line] = []
    last: date | None = None
    for line in sorted(lines, key=lambda one: (one.started_on, one.ended_on or date.max)):
        if span and last is not None and line.started_on > last + timedelta(days=GRACE_DAYS):
            if line.started_on >= start:
                break
            span, last = [], None
        if not span and line.started_on >= start:
            break
        last = line.ended_on if not span else _later(last, line.ended_on)
        span.append(line)
    if not span:
        return None
    if last is None:
        return Fate(False)
    final = max(span, key=lambda line: (line.decided_on or last, line.ended_on or last))
    decided = final.decided_on or last
    if decided < start:
        return None
    return Fate(True, decided, final.cause) if decided < end else Fate(False)


def _later(first: date | None, second: date | None) -> date | None:
    """Return the later of two ends; ``None`` is a line that lives."""
    return None if first is None or second is None else max(first, second)


def read_lines(snapshot: Snapshot) -> Lines:
    """Return the spells of all contract lines by account, under every id it ever had."""
    found: dict[str, list[Line]] = {}
    survivors = read_survivors(snapshot)
    for row in build_lines(snapshot).to_pylist():
        line = Line(*[row[name] for name in _READ])
        found.setdefault(row["account_id"], []).append(line)
    for duplicate, survivor in survivors.items():
        if survivor in found:
            found.setdefault(duplicate, found[survivor])
    return found


def read_buyers(snapshot: Snapshot, start: date, end: date) -> set[str]:
    """Return the accounts with a purchase in ``[start, end)``, days of the company's zone.

    A purchase counts for every id of its buyer: for a duplicate and for what it was merged into.
    """
    orders = snapshot.table("orders")
    zone = snapshot.zone
    inside = orders.filter(
        (orders.kind == "sale")
        & (orders.amount_minor > 0)
        & orders.account_id.notnull()
        & (orders.ordered_at >= day_start(start, zone))
        & (orders.ordered_at < day_start(end, zone))
    )
    rows = snapshot.collect(inside.select("account_id").distinct())
    survivors = read_survivors(snapshot)
    bought = {survivors.get(name, name) for name in rows["account_id"].to_pylist()}
    return bought | {name for name, survivor in survivors.items() if survivor in bought}


def read_lag(snapshot: Snapshot, lines: Lines) -> timedelta:
    """Return how long a decision to leave may stay off the record; see the module."""
    changes = snapshot.table("subscription_changes")
    told = changes.filter(changes.kind == "notice")
    if snapshot.collect(told.aggregate(n=told.count()))["n"][0].as_py():
        return timedelta()
    longest = max((one.notice_days or 0 for of in lines.values() for one in of), default=0)
    return timedelta(days=min(longest, LONGEST_LAG_DAYS))


def _judge(snapshot: Snapshot, matured: list[MaturedScore]) -> Iterator[tuple[MaturedScore, Fate]]:
    cover = read_coverage(snapshot)
    contracts = [one for one in matured if one.route == CONTRACTUAL]
    if contracts:
        lines = read_lines(snapshot)
        lag = read_lag(snapshot, lines)
        for one in contracts:
            end = _end(one)
            fate = fate_of_lines(lines.get(one.account_id, []), one.as_of, end)
            if fate is not None and cover.covers_contracts(end, lag=lag):
                yield one, fate
    orderers = (one for one in matured if one.route != CONTRACTUAL)
    ripe = [one for one in orderers if cover.covers_orders(_end(one))]
    yield from _judge_orderers(snapshot, ripe)


def _judge_orderers(
    snapshot: Snapshot, matured: list[MaturedScore]
) -> Iterator[tuple[MaturedScore, Fate]]:
    buyers: dict[tuple[date, date], set[str]] = {}
    for one in matured:
        span = (one.as_of, _end(one))
        if span not in buyers:
            buyers[span] = read_buyers(snapshot, *span)
        left = one.account_id not in buyers[span]
        yield one, Fate(left, one.as_of if left else None, LAPSED if left else None)


def _end(one: MaturedScore) -> date:
    return one.as_of + timedelta(days=one.horizon_days)


def _outcome(
    one: MaturedScore,
    fate: Fate,
    *,
    drawn: Holdout | None,
    treated: Treatments,
    known_on: date,
) -> ScoreOutcome:
    given = asdict(one)
    del given["treatment"]
    horizon = timedelta(days=one.horizon_days)
    # work that began after the decision to leave came too late to have treated anything
    end = min(fate.left_on or one.as_of + horizon, one.as_of + horizon)
    by_then = drawn is not None and drawn.assigned_on <= one.as_of
    return ScoreOutcome(
        **given,
        happened=fate.left,
        happened_on=fate.left_on,
        cause=fate.cause,
        arm=drawn.arm if drawn is not None and by_then else "none",
        treated=was_treated(treated, one.account_id, start=one.as_of - horizon, end=end),
        known_on=known_on,
        recorded_at=datetime.now(UTC),
    )
