"""What is begun by itself, and when: simple times in the company's zone.

``daily 03:00``, ``monthly 2 04:00`` (the 2nd), ``quarterly 3 05:00`` (the 3rd day of each fiscal
quarter), or ``off``. A time that the clocks skip in spring is taken an hour later; of one that they
repeat in autumn the first counts: each day has one instant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ledger.due_times import begin_schedule, take_due_time
from ledger.engine import Ledger
from lifecycle.errors import UsageError
from lifecycle.periods import FiscalCalendar, Quarter

_FORM = re.compile(r"(daily|monthly|quarterly)(?: (\d{1,2}))? ([01]\d|2[0-3]):([0-5]\d)")
LATEST_DAY = 28
_LONGEST = timedelta(days=130)
"""More than a quarter and the days into it."""


@dataclass(frozen=True)
class Rule:
    """When a kind of job is due.

    Attributes
    ----------
    kind
        Also the schedule's name.
    every
        ``daily``, ``monthly`` or ``quarterly``.
    day
        Of the month or of the fiscal quarter, from 1; 1 where every day counts.
    at
        Local time of day.
    """

    kind: str
    every: str
    day: int
    at: time


@dataclass(frozen=True)
class Due:
    """One due time.

    Attributes
    ----------
    day
        The company's day: what begins then stands on it.
    at
        UTC instant.
    """

    day: date
    at: datetime


def parse_rule(kind: str, text: str) -> Rule | None:
    """Read when a kind of job is due; ``None`` for ``off``.

    Raises
    ------
    UsageError
        The text is not of a form that the module names.

    Examples
    --------
    >>> parse_rule("train", "monthly 2 04:00")
    Rule(kind='train', every='monthly', day=2, at=datetime.time(4, 0))
    """
    if text.strip().lower() == "off":
        return None
    found = _FORM.fullmatch(text.strip().lower())
    days = found and found[2]
    wrong = found is None or (found[1] == "daily") != (days is None)
    if found is None or wrong or not 1 <= int(days or 1) <= LATEST_DAY:
        raise UsageError(
            f"schedule of {kind}: {text[:40]!r}",
            f"off, daily HH:MM, monthly D HH:MM or quarterly D HH:MM, D from 1 to {LATEST_DAY}",
            f"correct TRUECAST_SCHEDULE_{kind.upper()}",
        )
    return Rule(kind, found[1], int(days or 1), time(int(found[3]), int(found[4])))


def find_last_due(rule: Rule, now: datetime, zone: ZoneInfo, calendar: FiscalCalendar) -> Due:
    """Return the latest due time that is not after an instant."""
    days = _days(rule, now.astimezone(zone).date() + timedelta(days=1), calendar, step=-1)
    return next(due for due in (_due(rule, day, zone) for day in days) if due.at <= now)


def find_next_due(rule: Rule, now: datetime, zone: ZoneInfo, calendar: FiscalCalendar) -> Due:
    """Return the earliest due time after an instant."""
    days = _days(rule, now.astimezone(zone).date() - timedelta(days=1), calendar, step=1)
    return next(due for due in (_due(rule, day, zone) for day in days) if due.at > now)


def _days(rule: Rule, start: date, calendar: FiscalCalendar, *, step: int) -> Iterator[date]:
    for count in range(_LONGEST.days * 2):
        day = start + timedelta(days=step * count)
        if rule.every == "daily":
            yield day
        elif rule.every == "monthly":
            if day.day == rule.day:
                yield day
        elif (day - Quarter.containing(day, calendar).start).days == rule.day - 1:
            yield day


def _due(rule: Rule, day: date, zone: ZoneInfo) -> Due:
    return Due(day, datetime.combine(day, rule.at, tzinfo=zone).astimezone(UTC))


@dataclass(frozen=True)
class Schedule:
    """What a company's worker begins by itself.

    Attributes
    ----------
    rules
        One per kind of job at most.
    zone, calendar
        The company's.
    """

    rules: tuple[Rule, ...]
    zone: ZoneInfo
    calendar: FiscalCalendar

    def ask_for_due(self, ledger: Ledger, *, now: datetime) -> list[int]:
        """Ask for the job of each rule's latest due time unless that was done; return the ids.

        Of several due times that passed while no worker ran, only the latest counts. Those before
        a rule was first seen do not.
        """
        asked = []
        for rule in self.rules:
            due = find_last_due(rule, now, self.zone, self.calendar)
            begin_schedule(ledger, rule.kind, due.at)
            payload = {"as_of": due.day.isoformat()}
            found = take_due_time(ledger, rule.kind, due.at, kind=rule.kind, payload=payload)
            asked += [] if found is None else [found]
        return asked
