"""MRR movements: what made recurring revenue go from one balance to the next, to the cent.

Each change of a contract line is a step of its account's MRR on the day it takes effect. Steps of
one account on one day are one movement, so that a line swapped for another is neither churn nor
new business:

====================  ===================================================
new                   from nothing, never a customer before
reactivation          from nothing, a customer before
expansion             up, from something
contraction           down, to something
churn                 down to nothing
====================  ===================================================

Movements up to a day add up to the MRR of that day; ``check_reconciled`` proves it against the
contract lines themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from lifecycle.errors import DataError
from lifecycle.merges import read_survivors
from lifecycle.snapshot import Snapshot

KINDS = ("new", "reactivation", "expansion", "contraction", "churn")
ENDS = ("nonrenewal", "midterm_cancel", "involuntary_cancel")
ANNOUNCED = ("notice", "notice_withdrawn")
"""Changes that say what will happen; the step is the change that follows."""


@dataclass(frozen=True)
class Movement:
    """One account's step of MRR on one day.

    Attributes
    ----------
    account_id
        After merges known.
    effective_on
        First day on which it counts.
    kind
        One of ``KINDS``.
    delta_minor
        Signed step of monthly recurring revenue (minor units).
    balance_minor
        The account's MRR from that day on.
    """

    account_id: str
    effective_on: date
    kind: str
    delta_minor: int
    balance_minor: int


def build_movements(snapshot: Snapshot) -> list[Movement]:
    """Build all movements in effect before the snapshot's day, by day and account.

    A line whose first change does not start from nothing (the history begins in the middle of its
    contract), or that has no change at all, enters on the day it started with what it had.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    survivors = read_survivors(snapshot)
    steps: dict[tuple[date, str], int] = {}
    for line in _read_lines(snapshot):
        account = survivors.get(line["account_id"], line["account_id"])
        for day, delta in _line_steps(line):
            if delta and day < snapshot.day:
                steps[day, account] = steps.get((day, account), 0) + delta
    return list(_name_steps(steps))


def sum_by_month(movements: Iterable[Movement]) -> dict[date, dict[str, int]]:
    """Return by first day of month, for each kind, the sum of steps (minor units)."""
    months: dict[date, dict[str, int]] = {}
    for one in movements:
        month = months.setdefault(one.effective_on.replace(day=1), dict.fromkeys(KINDS, 0))
        month[one.kind] += one.delta_minor
    return dict(sorted(months.items()))


def read_balances(movements: Iterable[Movement], day: date) -> dict[str, int]:
    """Return each account's MRR at the start of a day (minor units), those with any."""
    balances: dict[str, int] = {}
    for one in movements:
        if one.effective_on < day:
            balances[one.account_id] = one.balance_minor
    return {account: mrr for account, mrr in balances.items() if mrr}


def sum_paid(movements: Iterable[Movement], day: date) -> dict[str, float]:
    """Return each account's recurring revenue from its first day to a day (minor units).

    MRR is earned evenly: a day brings 12/365.25 of it. Those who left are among them.
    """
    paid: dict[str, float] = {}
    for one in movements:
        left = max((day - one.effective_on).days, 0)
        paid[one.account_id] = (
            paid.get(one.account_id, 0.0) + one.delta_minor * left * 12.0 / 365.25
        )
    return paid


def check_reconciled(snapshot: Snapshot, movements: Iterable[Movement]) -> int:
    """Compare the movements' sum with the lines' own MRR; return it (minor units).

    Raises
    ------
    DataError
        They differ; the message names lines whose changes do not follow on one another.
    """
    total = sum(one.delta_minor for one in movements)
    standing, broken = 0, []
    for line in _read_lines(snapshot):
        standing += _standing(line, snapshot.day)
        if _is_broken(line):
            broken.append(line["subscription_id"])
    if total != standing:
        raise DataError(
            f"movements add up to {total}, the contract lines to {standing} minor units of MRR",
            "equal sums",
            f"look at the changes of {', '.join(broken[:3]) or 'lines without any'}",
        )
    return total


def _read_lines(snapshot: Snapshot) -> list[dict[str, Any]]:
    lines = {
        row["subscription_id"]: {**row, "changes": []}
        for row in snapshot.collect(
            snapshot.table("subscriptions").select(
                "subscription_id", "account_id", "started_on", "mrr_minor"
            )
        ).to_pylist()
    }
    changes = snapshot.table("subscription_changes")
    rows = snapshot.collect(
        changes.filter(changes.kind.notin(ANNOUNCED))
        .select(
            "subscription_id", "account_id", "effective_on", "changed_at", "change_id", "kind",
            "mrr_before_minor", "mrr_after_minor",
        )
        .order_by("effective_on", "changed_at", "change_id")
    ).to_pylist()  # fmt: skip
    for row in rows:
        empty: dict[str, Any] = {"started_on": None, "mrr_minor": 0, "changes": []}
        line = lines.setdefault(row["subscription_id"], {**row, **empty})
        line["changes"].append(row)
    for line in lines.values():
        line["changes"] = list(_chain(line["changes"]))
    return list(lines.values())


def _chain(changes: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Put the changes of one day in the order in which each begins where the last one ended.

    Instants and ids tell nothing of a plan changed on the day its line ends: the end comes last.
    """
    balance = None
    for _, same_day in groupby(changes, key=itemgetter("effective_on")):
        waiting = sorted(same_day, key=lambda change: change["kind"] in ENDS)
        if balance is None:  # what was there before is where no other change of the day led
            led_to = {change["mrr_after_minor"] for change in waiting}
            began = [one["mrr_before_minor"] for one in waiting]
            balance = next((mrr for mrr in began if mrr not in led_to), began[0])
        while waiting:
            fits = (n for n, one in enumerate(waiting) if one["mrr_before_minor"] == balance)
            change = waiting.pop(next(fits, 0))
            balance = change["mrr_after_minor"]
            yield change


def _line_steps(line: Mapping[str, Any]) -> Iterable[tuple[date, int]]:
    changes = line["changes"]
    opening = changes[0]["mrr_before_minor"] if changes else line["mrr_minor"]
    if opening:
        yield line["started_on"] or changes[0]["effective_on"], opening
    for change in changes:
        yield change["effective_on"], change["mrr_after_minor"] - change["mrr_before_minor"]


def _standing(line: Mapping[str, Any], day: date) -> int:
    """Return what the last change in effect says the line brings."""
    begun = [change for change in line["changes"] if change["effective_on"] < day]
    if begun:
        return int(begun[-1]["mrr_after_minor"])
    first = line["changes"][0]["mrr_before_minor"] if line["changes"] else line["mrr_minor"]
    return int(first) if line["started_on"] and line["started_on"] < day else 0


def _is_broken(line: Mapping[str, Any]) -> bool:
    changes = line["changes"]
    return any(
        one["mrr_after_minor"] != following["mrr_before_minor"]
        for one, following in pairwise(changes)
    )


def _name_steps(steps: Mapping[tuple[date, str], int]) -> Iterable[Movement]:
    balances: dict[str, int] = {}
    for (day, account), delta in sorted(steps.items()):
        if not delta:
            continue
        before = balances.get(account)
        balances[account] = (before or 0) + delta
        kind = _kind(before, balances[account], delta)
        yield Movement(account, day, kind, delta, balances[account])


def _kind(before: int | None, after: int, delta: int) -> str:
    if before is None:
        return "new"
    if not before:
        return "reactivation"
    if not after:
        return "churn"
    return "expansion" if delta > 0 else "contraction"
