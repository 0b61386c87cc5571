"""The account frame once more, slowly and in plain Python: what the fast one must equal.

It is given every row that was ever written and decides itself which were known.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import mean, pstdev
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
NAN = float("nan")


def known_orders(orders: Iterable[Row], superseded: Iterable[Row], as_of: datetime) -> list[Row]:
    void: dict[str, datetime] = {}
    for mark in superseded:
        if mark["table_name"] == "orders" and mark["known_at"] < as_of:
            void[mark["key"]] = max(mark["known_at"], void.get(mark["key"], mark["known_at"]))
    return [
        row
        for row in orders
        if row["known_at"] < as_of
        and (row["order_id"] not in void or row["known_at"] >= void[row["order_id"]])
    ]


def latest_accounts(accounts: Iterable[Row], as_of: datetime) -> dict[str, Row]:
    latest: dict[str, Row] = {}
    for row in sorted(accounts, key=lambda row: (row["known_at"], row["batch_id"])):
        if row["known_at"] < as_of:
            latest[row["account_id"]] = row
    return latest


def frame_of(facts: Mapping[str, list[Row]], as_of: datetime, zone: ZoneInfo) -> list[dict]:
    """Every column of every account, sorted by account."""
    today = as_of.astimezone(zone).date()
    known = known_orders(facts["orders"], facts["superseded"], as_of)
    past = [row for row in known if row["ordered_at"] < as_of]
    bought: dict[str, list[Row]] = defaultdict(list)
    credited: dict[str, list[Row]] = defaultdict(list)
    for row in past:
        age = (today - row["ordered_at"].astimezone(zone).date()).days
        row = {**row, "age": age}
        if row["account_id"] is None:
            continue
        if row["kind"] == "sale" and row["amount_minor"] > 0:
            bought[row["account_id"]].append(row)
        if row["kind"] == "credit":
            credited[row["account_id"]].append(row)
    accounts = latest_accounts(facts["accounts"], as_of)
    rows = [_own(a, bought[a], credited[a], accounts.get(a, {}), as_of, today) for a in bought]
    first = min((row["ordered_at"].astimezone(zone).date() for row in known), default=today)
    return sorted((_beside(row, rows, today, first) for row in rows), key=lambda r: r["account_id"])


def _own(
    name: str, bought: list[Row], credited: list[Row], about: Row, as_of: datetime, today: date
) -> dict[str, Any]:
    days: dict[int, int] = defaultdict(int)
    for row in bought:
        days[row["age"]] += row["amount_minor"]
    days = dict(sorted(days.items(), reverse=True))
    created = about.get("created_at")
    since = (today - created.date()).days if created else 0
    paid_back = [(row["age"], -row["amount_minor"]) for row in credited]
    return {
        "account_id": name,
        "segment": about.get("segment"),
        "_country": about.get("country"),
        "tenure_days": max(*days, since, 0),
        **_rhythm(list(days)),
        **_counts(list(days), bought),
        **_windows(days),
        **_day_spends(list(days.values())),
        **_breadth(bought),
        "credits_count": len(paid_back),
        "credit_365d_minor": sum(minor for age, minor in paid_back if age <= 365),
        "credit_share": sum(minor for _, minor in paid_back) / sum(days.values()),
    }


def _rhythm(ages: list[int]) -> dict[str, Any]:
    """Of purchase days, oldest first."""
    gaps = [a - b for a, b in pairwise(ages)]
    gap = mean(gaps) if gaps else NAN
    std = pstdev(gaps) if gaps else NAN
    return {
        "recency_days": ages[-1],
        "T": ages[0],
        "recency": ages[0] - ages[-1],
        "frequency": len(gaps),
        "gap_mean_days": gap,
        "gap_std_days": std,
        "gap_cv_ratio": std / gap,
        "overdue_ratio": ages[-1] / gap,
        "overdue_z": (ages[-1] - gap) / std if std else NAN,
    }


def _counts(ages: list[int], bought: list[Row]) -> dict[str, Any]:
    out: dict[str, Any] = {"purchases_count": len(bought), "purchase_days_count": len(ages)}
    for n in (30, 90, 180, 365):
        out[f"purchases_{n}d_count"] = sum(row["age"] <= n for row in bought)
        out[f"purchase_days_{n}d_count"] = sum(age <= n for age in ages)
    out["purchase_days_365d_730d_count"] = sum(365 < age <= 730 for age in ages)
    out["purchase_days_90d_of_365d_share"] = _over(
        out["purchase_days_90d_count"], out["purchase_days_365d_count"]
    )
    return out


def _windows(days: Mapping[int, int]) -> dict[str, Any]:
    def spent(old: int, new: int = -1) -> int:
        return sum(s for age, s in days.items() if new < age <= old)

    new, old = spent(365), spent(730, 365)
    return {f"spend_{n}d_minor": spent(n) for n in (30, 90, 180, 365)} | {
        "spend_365d_730d_minor": old,
        "spend_same_90d_minor": spent(365, 275),
        "spend_same_30d_minor": spent(365, 335),
        "_year_ago": spent(455, 365),
        "spend_30d_of_90d_share": _over(spent(30), spent(90)),
        "spend_90d_of_365d_share": _over(spent(90), new),
        "spend_180d_of_365d_share": _over(spent(180), new),
        "spend_year_change_ratio": _over(new - old, new + old),
    }


def _day_spends(spends: list[int]) -> dict[str, Any]:
    """Of spends per purchase day, oldest first."""
    logs = [math.floor(math.log(spend) * 10_000) / 10_000 for spend in spends]
    return {
        "spend_minor": sum(spends),
        "monetary_value": mean(spends[1:]) if spends[1:] else NAN,
        "day_spend_mean_minor": mean(spends),
        "day_spend_max_minor": max(spends),
        "day_spend_last_minor": spends[-1],
        "day_spend_log_mean": mean(logs),
        "day_spend_log_std": pstdev(logs),
        "day_spend_last_ratio": spends[-1] / mean(spends),
    }


def _breadth(bought: list[Row]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for column in ("lines", "products", "units"):
        values = [v for row in bought if (v := row[f"{column}_count"]) is not None]
        out[f"{column}_count"] = sum(values) if values else NAN
        out[f"{column}_mean_count"] = out[f"{column}_count"] / len(bought)
    return out


def _beside(row: dict[str, Any], rows: list[dict], today: date, first: date) -> dict[str, Any]:
    whole = sum(r["spend_365d_minor"] for r in rows)

    def share(of: list[dict]) -> float:
        return _over(sum(r["spend_365d_minor"] for r in of), whole)

    def momentum(of: list[dict]) -> float:
        return _over(sum(r["spend_90d_minor"] for r in of), sum(r["_year_ago"] for r in of))

    segment = [r for r in rows if r["segment"] == row["segment"]] if row["segment"] else []
    country = [r for r in rows if r["_country"] == row["_country"]] if row["_country"] else []
    turn = 2 * math.pi * (today.month - 1) / 12
    return {key: value for key, value in row.items() if not key.startswith("_")} | {
        "segment_spend_share": share(segment) if segment else NAN,
        "segment_momentum_ratio": momentum(segment),
        "country_spend_share": share(country) if country else NAN,
        "company_share": share([row]),
        "company_momentum_ratio": momentum(rows),
        "month_sin": math.sin(turn),
        "month_cos": math.cos(turn),
        "day_of_year": (today - date(today.year, 1, 1)) // timedelta(days=1) + 1,
        "history_days": (today - first).days,
    }


def _over(part: float, whole: float) -> float:
    return part / whole if whole else NAN
