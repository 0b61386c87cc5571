"""Rescue work into the lake: one piece told on the command line, or many from a CSV file.

A row says what was done for whom and when; what was begun before it was recorded is known from its
recording on, so that no past score seems to have seen it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from lifecycle.batches import BatchHeader, BatchReport
from lifecycle.errors import RowsError, UsageError
from lifecycle.lake import Lake
from lifecycle.snapshot import Snapshot

TABLE = "interventions"
FILE_COLUMNS = ("account_id", "kind", "started_at", "owner_id", "campaign", "outcome", "cost_minor")
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_LONGEST_TEXT = 200
# tables whose rows name accounts: an id that none of them knows is a slip of the pen
_NAMING = ("accounts", "subscriptions", "orders")


@dataclass(frozen=True)
class Intervention:
    """One piece of work.

    Attributes
    ----------
    started_at
        UTC instant at which it was begun.
    kind
        call, visit, training, offer, discount, executive, …
    cost_minor
        What it cost, minor units of the company's currency.
    """

    account_id: str
    kind: str
    started_at: datetime
    owner_id: str | None = None
    campaign: str | None = None
    outcome: str | None = None
    cost_minor: int | None = None

    @property
    def intervention_id(self) -> str:
        """An id made of the content: the same work told twice is one."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return f"iv-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def read_file(path: Path, zone: ZoneInfo) -> list[Intervention]:
    """Read a CSV file of interventions; nothing is taken of a file with a bad row.

    Raises
    ------
    UsageError
        The file cannot be read, or lacks a column, or has an unknown one.
    RowsError
        A row breaks a rule; the message names the line and the rule.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            _check_columns(reader.fieldnames or ())
            rows = [(reader.line_num, dict(row)) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"file {path.name!r} cannot be read", "a UTF-8 CSV file") from error
    made = []
    for line, row in rows:
        try:
            made.append(parse_intervention(row, zone))
        except UsageError as error:
            raise RowsError(f"line {line}: {error}", todo="correct the file") from error
    return made


def parse_intervention(row: Mapping[str, Any], zone: ZoneInfo) -> Intervention:
    """Build an intervention from texts; a day without a time of day means its begin.

    Raises
    ------
    UsageError
        A value breaks its rule.
    """
    given = {name: (row.get(name) or "").strip() or None for name in FILE_COLUMNS}
    for name in ("account_id", "kind"):
        if given[name] is None or not _CODE.fullmatch(str(given[name])):
            raise UsageError(f"{name} {given[name] or ''!r:.42}", f"{name}: {_CODE.pattern}")
    for name in ("owner_id", "campaign"):
        if given[name] is not None and not _CODE.fullmatch(str(given[name])):
            raise UsageError(f"{name} {str(given[name])[:40]!r}", f"{name}: {_CODE.pattern}")
    cost = given["cost_minor"]
    if cost is not None and not re.fullmatch(r"[0-9]{1,15}", cost):
        raise UsageError(f"cost_minor {cost[:40]!r}", "whole minor units, 0 or more")
    return Intervention(
        account_id=str(given["account_id"]),
        kind=str(given["kind"]),
        started_at=parse_instant(given["started_at"], zone),
        owner_id=given["owner_id"],
        campaign=given["campaign"],
        outcome=None if given["outcome"] is None else given["outcome"][:_LONGEST_TEXT],
        cost_minor=None if cost is None else int(cost),
    )


def parse_instant(text: str | None, zone: ZoneInfo) -> datetime:
    """Read a day or an instant; ``None`` is today. Without a zone it is the company's.

    A day stands for its begin: an instant that is the same whenever the day is told, and never yet
    to come, so that the same work told twice is one.

    Raises
    ------
    UsageError
        It is no day and no instant, or lies in the future.
    """
    now = datetime.now(UTC)
    text = now.astimezone(zone).date().isoformat() if text is None else text
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"time {text[:40]!r}", "a day or an instant (ISO 8601)") from error
    if len(text) == len("2024-01-31"):
        found = datetime.combine(found.date(), time())
    found = (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    if found > now and found.astimezone(zone).date() > now.astimezone(zone).date():
        raise UsageError(f"time {text[:40]!r}, which is yet to come", "today or earlier")
    return min(found, now.replace(microsecond=0))


def check_accounts(work: Iterable[Intervention], snapshot: Snapshot) -> None:
    """Refuse work for accounts that no fact names.

    Raises
    ------
    RowsError
        The first of them are named.
    """
    known: set[str] = set()
    for table in _NAMING:
        ids = snapshot.table(table).select("account_id").distinct()
        known |= set(snapshot.collect(ids)["account_id"].to_pylist())
    strange = sorted({one.account_id for one in work} - known)
    if strange:
        raise RowsError(
            f"{len(strange)} unknown accounts, first {', '.join(strange[:5])}",
            "accounts that the facts name",
            "correct the ids, or ingest the accounts first",
        )


def record_work(
    lake: Lake, work: Sequence[Intervention], *, currency: str, known_at: datetime | None = None
) -> BatchReport:
    """Append interventions to the lake as one batch; the same again changes nothing.

    Parameters
    ----------
    known_at
        UTC instant from which the work counts as known; ``None`` is now. Earlier than a row's
        start, the start counts.

    Raises
    ------
    LakeError
        The lake cannot be written.
    """
    now = datetime.now(UTC)
    rows = [_row(one, currency=currency, known_at=known_at or now) for one in work]
    text = json.dumps([one.intervention_id for one in work])
    header = BatchHeader(hashlib.sha256(text.encode()).hexdigest()[:32], TABLE, now)
    # a key twice in one batch is the same content, since the key is made of it
    batch = pa.RecordBatch.from_pylist(list({one["intervention_id"]: one for one in rows}.values()))
    return lake.append(header, {TABLE: pa.RecordBatchReader.from_batches(batch.schema, [batch])})


def _row(one: Intervention, *, currency: str, known_at: datetime) -> dict[str, Any]:
    return {
        "intervention_id": one.intervention_id,
        **asdict(one),
        "is_holdout": False,
        "currency": None if one.cost_minor is None else currency,
        "known_at": max(known_at, one.started_at),
        "known_source": "recorded",
    }


def _check_columns(found: Sequence[str]) -> None:
    missing = [name for name in FILE_COLUMNS[:2] if name not in found]
    unknown = [name for name in found if name not in FILE_COLUMNS]
    if missing or unknown:
        named = f"no column {missing[0]}" if missing else f"column {str(unknown[0])[:40]!r}"
        raise UsageError(
            named, f"{', '.join(FILE_COLUMNS)} (the first two needed)", "correct the header"
        )
