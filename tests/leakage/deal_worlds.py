"""A small company that sells by deals, told in the four ways of `tests.leakage.worlds`.

Some deals are told in versions, some in changes, most in both; some news comes late, some changes
are corrected or removed later, some deals are opened again, one stage is renamed. What is shuffled
of the future: amounts times 1000, close dates by 1000 days, texts handed to other rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from lifecycle.engine import open_engine
from lifecycle.history import History
from lifecycle.periods import day_start
from tests.builders import Row, account, build_lake, fact, noon
from tests.leakage.worlds import ZONE, Facts, Worlds, delete

TODAY = date(2021, 7, 1)  # summer time, so that the day does not begin at midnight UTC
_FIRST = date(2020, 1, 6)
_DEALS, _ACCOUNTS, _OWNERS = 160, 60, 6
_STAGES = ("Lead", "Demo", "Offer", "Contract")
_RENAMED = date(2021, 2, 1)  # from then on a demo is called a trial
_CATEGORIES = ("pipeline", "best_case", "commit")
_ENDS = {"won": "Won", "lost": "Lost"}
_EVENTS = ("opportunity_changes", "activities")
_SUMS = ("amount_minor", "amount_after_minor", "amount_before_minor", "number", "mrr_minor")
_DAYS = ("close_on", "close_after_on", "close_before_on", "next_step_at", "closed_at")
_TEXTS = ("stage", "category", "outcome", "text_after", "owner_id", "segment", "team", "direction")


def build_deal_worlds(folder: Path, day: date = TODAY, *, mapped: bool = True) -> Worlds:
    """Write the four lakes and open their histories."""
    facts, at = deal_company(day, mapped=mapped), day_start(day, ZONE)
    told = {"as it was": facts, "deleted": delete(facts, at), "shuffled": shuffle(facts, at),
            "back-dated": back_date(facts, at)}  # fmt: skip
    places = {name: folder / name.replace(" ", "-") for name in told}
    return Worlds(day, {name: _write(places[name], rows) for name, rows in told.items()})


def _write(folder: Path, facts: Facts) -> History:
    """Write a telling in two batches: an event told again corrects the first telling of it."""
    first: Facts = {name: [] for name in facts}
    again: Facts = {name: [] for name in facts}
    for name, rows in facts.items():
        told: set[str] = set()
        for row in rows:
            key = str(row[next(iter(row))])
            (again if name in _EVENTS and key in told else first)[name].append(row)
            told.add(key)
    lake = build_lake(folder, batch="b1", **first)
    if any(again.values()):
        lake = build_lake(folder, batch="b2", **again)
    return History(lake, open_engine(), zone=ZONE)


def deal_company(day: date, *, mapped: bool = True) -> Facts:
    """160 deals of 60 accounts until half a year after ``day``."""
    facts: Facts = {"stage_maps": list(stage_map())} if mapped else {}
    for table, row in _people(day):
        facts.setdefault(table, []).append(row)
    for number in range(_DEALS):
        for table, row in _Deal(number, day + timedelta(days=180)).rows():
            facts.setdefault(table, []).append(row)
    return facts


def stage_map() -> Iterator[Row]:
    """The map: a demo is a trial from a day on, and both are one stage of ours."""
    names = [*_STAGES, "Won", "Lost"]
    for place, name in enumerate(names):
        yield _stage(name, name.lower(), place)
    yield {**_stage("Demo", "demo", 1, known=_RENAMED), "effective_to": _RENAMED}
    yield _stage("Trial", "demo", 1, since=_RENAMED, known=_RENAMED)


def _stage(name: str, ours: str, place: int, **other: Any) -> Row:
    since, known = other.get("since", date(2019, 1, 1)), other.get("known", _FIRST)
    return fact(known, pipeline="sales", source_stage=name, effective_from=since, stage=ours,
                position=place, win_share=place / 5, is_won=ours == "won",
                is_lost=ours == "lost")  # fmt: skip


def _people(day: date) -> Iterator[tuple[str, Row]]:
    draw = random.Random(5)
    for n in range(_ACCOUNTS):
        who = f"a{n:02}"
        yield "accounts", account(who, _FIRST, segment=draw.choice(["home", "abroad"]))
        yield "accounts", account(who, day + timedelta(days=n), segment="elsewhere")
        yield "attributes", fact(_FIRST, entity="account", entity_id=who, name="size",
                                 number=float(draw.randrange(9)))  # fmt: skip
        if n % 3 == 0:
            yield "subscriptions", fact(
                _FIRST + timedelta(days=3 * n), subscription_id=f"s{n}", account_id=who,
                started_on=_FIRST, mrr_minor=10_000, currency="GBP",
            )  # fmt: skip
    for n in range(_OWNERS):
        post = {"owner_id": f"o{n}", "role": "rep", "hired_on": _FIRST}
        yield "owners", fact(_FIRST, effective_from=_FIRST, team="north", **post)
        yield "owners", fact(day + timedelta(days=n - 3), effective_from=day, team="south", **post)


class _Deal:
    """One deal's life, told in its own way."""

    def __init__(self, number: int, end: date) -> None:
        self._number, self._draw = number, random.Random(number)
        self.at = noon(_FIRST + timedelta(days=self._draw.randrange(480)))
        self._end, self._count = noon(end), 0
        self._tells = (("versions",), ("changes",), ("versions", "changes"))[min(number % 6, 2)]
        self._now: Row = {
            "stage": "Lead", "category": "pipeline", "owner": f"o{number % _OWNERS}",
            "amount": 100_000 + 1_000 * self._draw.randrange(900), "outcome": "open",
            "close_on": (self.at + timedelta(days=self._draw.randrange(20, 150))).date(),
        }  # fmt: skip

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield all that is told of it."""
        yield from self._told({"created": "Lead", **self._now})
        while self.at < self._end and self._now["outcome"] == "open":
            self.at += timedelta(hours=self._draw.randrange(60, 700))
            yield from self._told(self._move())
            if self._draw.random() < 0.7:
                yield "activities", self._activity()
            if self._now["outcome"] == "lost" and self._draw.random() < 0.15:
                self.at += timedelta(days=20)
                yield from self._told({"stage": "Offer", "outcome": "open"})

    def _move(self) -> Row:
        draw, stage = self._draw, self._now["stage"]
        if draw.random() < 0.2:
            end = "won" if draw.random() < 0.4 else "lost"
            return {"stage": _ENDS[end], "outcome": end, "close_on": self.at.date()}
        place = _STAGES.index("Demo" if stage == "Trial" else stage)
        step = draw.choice([-1, 0, 1, 1, 2])
        name = _STAGES[min(max(place + step, 0), len(_STAGES) - 1)]
        moves = {
            "stage": "Trial" if name == "Demo" and self.at.date() >= _RENAMED else name,
            "close_on": self._now["close_on"] + timedelta(days=draw.choice([-10, 0, 14, 45])),
            "amount": round(self._now["amount"] * draw.choice([0.9, 1.0, 1.2])),
            "category": draw.choice(_CATEGORIES),
            "owner": draw.choice([self._now["owner"]] * 9 + ["o0"]),
        }
        return {name: value for name, value in moves.items() if draw.random() < 0.6}

    def _told(self, moves: Row) -> Iterator[tuple[str, Row]]:
        late = timedelta(days=self._draw.choice([0, 0, 0, 0, 1, 12]))
        before, self._now = dict(self._now), {**self._now, **moves}
        if "versions" in self._tells:
            yield "opportunities", self._version(self.at + late)
        if "changes" in self._tells:
            for name, value in moves.items():
                yield "opportunity_changes", self._change(name, before.get(name), value, late)

    def _version(self, known: datetime) -> Row:
        now = self._now
        closed = self.at if now["outcome"] != "open" else None
        return fact(
            known, opportunity_id=f"d{self._number:03}", owner_id=now["owner"],
            account_id=f"a{self._number % _ACCOUNTS:02}" if self._number % 7 else None,
            kind="renewal" if self._number % 11 == 0 else "new_business", closed_at=closed,
            created_at=self.at if not self._count else None, stage=now["stage"],
            category=now["category"], amount_minor=now["amount"], currency="GBP",
            close_on=now["close_on"], outcome=now["outcome"],
            next_step_at=known + timedelta(days=9),
        )  # fmt: skip

    def _change(self, name: str, before: Any, after: Any, late: timedelta) -> Row:
        self._count += 1
        row = {"change_id": f"c{self._number:03}-{self._count}", "field": name,
               "opportunity_id": f"d{self._number:03}", "changed_at": self.at,
               "changed_by": self._now["owner"]}  # fmt: skip
        kind = {"amount": "amount_{}_minor", "close_on": "close_{}_on"}.get(name, "text_{}")
        sides = {kind.format("before"): before, kind.format("after"): after}
        return fact(self.at + late, **row, **sides)

    def _activity(self) -> Row:
        draw, happened = self._draw, self.at + timedelta(days=self._draw.choice([-9, -2, 4]))
        return fact(
            max(self.at, happened) - timedelta(days=draw.choice([0, 0, 7])),
            activity_id=f"v{self._number:03}-{self.at:%j%y%H}",
            kind=draw.choice(["email", "meeting"]), opportunity_id=f"d{self._number:03}",
            occurred_at=happened, direction=draw.choice(["in", "out"]),
            outcome=draw.choice(["held", "no_show"]),
            contact_id=f"p{draw.randrange(40)}", people_count=draw.randrange(1, 5),
            sentiment=draw.uniform(-1, 1),
        )  # fmt: skip


def shuffle(facts: Facts, at: datetime) -> Facts:
    """Multiply future amounts by 1000, move future dates, hand future texts to other rows."""
    draw, told = random.Random(11), delete(facts, at)
    for name, rows in facts.items():
        future = [row for row in rows if row["known_at"] >= at]
        others = list(future)
        draw.shuffle(others)
        for row, other in zip(future, others, strict=True):
            changed = {key: row[key] * 1000 for key in _SUMS if row.get(key) is not None}
            changed |= {key: row[key] + timedelta(days=1000) for key in _DAYS if row.get(key)}
            changed |= {key: other[key] for key in _TEXTS
                        if name != "stage_maps" and row.get(key) and other.get(key)}  # fmt: skip
            told[name].append({**row, **changed})
    return told


def back_date(facts: Facts, at: datetime) -> Facts:
    """Add facts of every table that happened before ``at`` but were known from then on.

    Half of the events are corrections of what was told before, the others are new.
    """
    told = {name: list(rows) for name, rows in facts.items()}
    for name, rows in delete(facts, at).items():
        if name == "stage_maps":  # a definition, read as it stands: see features.deals.stages
            continue
        for n, row in enumerate(rows[::5]):
            key = next(iter(row))
            new = {key: f"late-{row[key]}"} if name in _EVENTS else {}
            changed = {one: row[one] * 3 for one in _SUMS if row.get(one) is not None}
            known = at + timedelta(days=n % 40)
            told[name].append({**row, **changed, **(new if n % 2 else {}), "known_at": known})
    return told
