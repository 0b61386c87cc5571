"""One company in which every deal is a case of the deal frame, named by what it is a case of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.history import History, open_history
from tests.builders import Row, account, build_lake, fact, noon

ZONE = ZoneInfo("Europe/London")
EARLY, DAY, LATE = date(2021, 5, 4), date(2021, 6, 1), date(2021, 7, 1)
OPENED = date(2021, 3, 1)
CLOSE = date(2021, 6, 30)
MIDNIGHT = datetime(2021, 5, 31, 23, tzinfo=UTC)  # the day begins in summer time
RENAMED = date(2021, 5, 1)
NAMES = ("Lead", "Demo", "Offer", "Contract", "Won", "Lost")
_LONG_AGO = date(2019, 1, 1)
_COLUMNS = {"amount": "amount_{}_minor", "close_on": "close_{}_on"}


def on(month: int, day: int) -> date:
    return date(2021, month, day)


def told(name: str, known: date | datetime = OPENED, **other: Any) -> Row:
    """A version of a deal of account a1 and owner o1, in stage Lead at 1,000.00."""
    row = {"opportunity_id": name, "account_id": "a1", "owner_id": "o1", "kind": "new_business",
           "created_at": noon(OPENED), "stage": "Lead", "outcome": "open", "currency": "GBP",
           "amount_minor": 100_000, "close_on": CLOSE, "category": "pipeline"}  # fmt: skip
    return fact(known, **{**row, **other})


def moved(name: str, day: date, field: str, before: Any, after: Any, **other: Any) -> Row:
    """A change of one field at noon of a day, known then unless ``known`` says otherwise."""
    column = _COLUMNS.get(field, "text_{}")
    row = {"change_id": f"{name}-{field}-{day:%m%d}", "opportunity_id": name, "field": field,
           "changed_at": noon(day), column.format("before"): before,
           column.format("after"): after}  # fmt: skip
    return fact(day, **{**row, **other})


def done(name: str, day: date, kind: str = "email", **other: Any) -> Row:
    """An activity about a deal at noon of a day, known then."""
    row = {"activity_id": f"{name}-{kind}-{day:%m%d}", "opportunity_id": name, "kind": kind,
           "occurred_at": noon(day)}  # fmt: skip
    return fact(day, **{**row, **other})


def stage_map() -> list[Row]:
    """Five open and closed stages; Demo is called Trial from the day of the renaming."""
    rows = [_stage(name, name.lower(), place) for place, name in enumerate(NAMES)]
    rows.append({**_stage("Demo", "demo", 1, known=RENAMED), "effective_to": RENAMED})
    return [*rows, _stage("Trial", "demo", 1, since=RENAMED, known=RENAMED)]


def _stage(source: str, ours: str, place: int, **other: Any) -> Row:
    return fact(other.get("known", _LONG_AGO), pipeline="sales", source_stage=source, stage=ours,
                effective_from=other.get("since", _LONG_AGO), position=place,
                win_share=place / 10, is_won=ours == "won", is_lost=ours == "lost")  # fmt: skip


def _won(number: int) -> list[Row]:
    """A deal of the year before: 10 days a lead, 20 in demo, won."""
    name, first = f"won{number}", date(2020, 3, 1) + timedelta(days=number)
    start = {"created_at": noon(first), "close_on": date(2020, 4, 30),
             "amount_minor": 100_000 + 1_000 * number}  # fmt: skip
    closed = first + timedelta(days=30)
    return [
        told(name, first, **start),
        told(name, first + timedelta(days=10), stage="Demo", **start),
        told(name, closed, stage="Won", outcome="won", closed_at=noon(closed), **start),
    ]


VERSIONS = [
    *(row for number in range(24) for row in _won(number)),
    told("plain"),
    told("pushed"),
    told("twice"),
    told("twice", on(4, 10), amount_minor=120_000),
    told("by-versions", stage="Lead", amount_minor=100_000),
    told("by-versions", on(4, 10), stage="Demo", amount_minor=150_000),
    told("by-both"),
    told("by-both", on(4, 10), stage="Demo", amount_minor=150_000),
    told("undated", close_on=None),
    told("late-news"),
    told("zigzag"),
    told("reopened"),
    told("handed"),
    told("handed", on(6, 10), outcome="won", closed_at=noon(on(6, 10)), owner_id="o2"),
    told("homeless", account_id=None),
    told("no-amount", amount_minor=None),
    told("zero", amount_minor=0),
    told("absurd", amount_minor=10**15),
    told("slipped-key"),
    told("slipped-key", on(4, 1), amount_minor=10**15, close_on=date(2999, 1, 1)),
    told("past", close_on=date(1900, 1, 1)),
    told("far", close_on=date(2999, 1, 1)),
    told("mystery", stage="Mystery"),
    told("euro", currency="EUR"),
    told("renewal", kind="renewal"),
    told("at-once", on(5, 1), created_at=noon(on(5, 1)), outcome="won", stage="Won",
         closed_at=noon(on(5, 1))),
    told("unknown-yet", on(6, 5), created_at=noon(on(5, 20))),
    told("at-midnight", MIDNIGHT),
    told("just-before", MIDNIGHT - timedelta(microseconds=1)),
    told("corrected"),
    told("removed"),
    told("renamed"),
    told("renamed", on(4, 5), stage="Demo"),
    told("renamed", on(5, 5), stage="Trial"),
    told("dateless", created_at=None),
    told("lost-by-stage", outcome=None),
    told("called"),
]  # fmt: skip
CHANGES = [
    moved("pushed", on(4, 10), "close_on", CLOSE, on(7, 31)),
    moved("pushed", on(5, 10), "close_on", on(7, 31), on(6, 15)),
    moved("pushed", on(5, 20), "close_on", on(6, 15), CLOSE),
    moved("twice", on(4, 10), "amount", 100_000, 120_000),
    moved("by-both", on(4, 10), "stage", "Lead", "Demo"),
    moved("by-both", on(4, 10), "amount", 100_000, 150_000),
    moved("by-changes", OPENED, "created", None, "Lead"),
    moved("by-changes", OPENED, "amount", None, 100_000),
    moved("by-changes", OPENED, "close_on", None, CLOSE),
    moved("by-changes", on(4, 10), "stage", "Lead", "Demo"),
    moved("by-changes", on(4, 10), "amount", 100_000, 150_000),
    moved("undated", on(4, 10), "close_on", on(5, 31), CLOSE),
    moved("late-news", on(5, 1), "stage", "Demo", "Offer"),
    moved("late-news", on(4, 20), "stage", "Lead", "Demo", known=on(5, 15)),
    moved("zigzag", on(3, 10), "stage", "Lead", "Offer"),
    moved("zigzag", on(3, 20), "stage", "Offer", "Demo"),
    moved("zigzag", on(4, 20), "stage", "Demo", "Offer"),
    moved("reopened", on(4, 20), "outcome", "open", "lost"),
    moved("reopened", on(5, 10), "outcome", "lost", "open"),
    moved("corrected", on(4, 10), "close_on", CLOSE, on(12, 31)),
    moved("removed", on(4, 10), "amount", 100_000, 900_000),
    moved("lost-by-stage", on(5, 20), "stage", "Lead", "Lost"),
]
CORRECTED = [{**CHANGES[-3], "close_after_on": on(7, 15), "known_at": noon(on(5, 20))}]
ACTIVITIES = [
    done("called", on(5, 5), direction="out", contact_id="p1", people_count=2, sentiment=0.5),
    done("called", on(5, 26), direction="in", contact_id="p1", sentiment=-0.25),
    done("called", on(5, 28), direction="out", contact_id="p2"),
    done("called", on(5, 20), "meeting", outcome="held", people_count=5),
    done("called", on(5, 21), "meeting", outcome="no_show"),
    done("called", on(5, 30), "call", known=on(6, 9)),
    done("called", on(6, 8), "meeting", known=on(5, 29)),
]


def write_cases(folder: Path) -> History:
    """Write the company and open its history."""
    people = [account("a1", _LONG_AGO, segment="home")]
    posts = [fact(_LONG_AGO, owner_id="o1", effective_from=_LONG_AGO, team="north"),
             fact(on(5, 10), owner_id="o1", effective_from=on(5, 20), team="south")]  # fmt: skip
    build_lake(
        folder, accounts=people, owners=posts, stage_maps=stage_map(), opportunities=VERSIONS,
        opportunity_changes=CHANGES, activities=ACTIVITIES,
    )  # fmt: skip
    build_lake(folder, batch="b2", opportunity_changes=CORRECTED)
    return open_history(folder / "lake", zone=ZONE)
