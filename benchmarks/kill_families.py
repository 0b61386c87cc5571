"""What is killed: one class per kind of work, each with its own check of what was left behind.

A family prepares a folder, does units of work one after the other, and says afterwards what is
stored. ``tell`` is called with ``sent <unit>`` before a unit's first write and ``acked <unit>``
once it was acknowledged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow.parquet as pq
from sqlalchemy import func, select

from benchmarks.kill_copies import Backup, Erase, Restore
from benchmarks.kill_push import Push
from benchmarks.kill_worker import BrokenError, address, do_all, is_any_left
from ledger.engine import Ledger, open_ledger
from ledger.job_results import read_result
from ledger.jobs import JobFilters, enqueue, read_jobs
from ledger.releases import Release, read_champion, read_releases, write_release
from ledger.runs import read_current_run
from ledger.tables import at_risk, publications, runs
from ledger.tables import scores as scores_table
from lifecycle.lake import Lake
from models.bundle import load_bundle, save_bundle
from service.refresh.place import Place
from service.refresh.scores import refresh_scores
from service.worker.task import Answer, Task
from tests.builders import account, build_lake, order
from tests.service.refresh.company import FIRST, build_company, place_of, release_orders, stand_on

Tell = Callable[[str], None]


class Family(Protocol):
    """One kind of work."""

    sites: ClassVar[tuple[str, ...]]
    window: ClassVar[tuple[str, ...]]
    """The sites between a unit's first write and its acknowledgement."""
    per_folder: ClassVar[int]

    def prepare(self, folder: Path) -> None:
        """Make what the work stands on."""

    def work(self, folder: Path, unit: int, tell: Tell) -> None:
        """Do one unit."""

    def read_units(self, folder: Path) -> Sequence[int]:
        """Recover as a restart would, check that nothing is half there; return what is stored."""


TRIAL = {"trial": f"{__name__}:answer_trial"}


class Ingest:
    """A batch of two orders and one account into the lake."""

    sites = ("lake.rolled_back", "lake.spooled", "lake.wrote", "lake.listed")
    window = ("lake.spooled", "lake.wrote", "lake.listed")
    per_folder = 25

    def prepare(self, folder: Path) -> None:
        """Write a first batch."""
        build_lake(folder, orders=[order(order_id="o1")], accounts=[account("a1")])

    def work(self, folder: Path, unit: int, tell: Tell) -> None:
        """Append one batch."""
        tell(f"sent {unit}")
        rows = [order(order_id=f"n{unit}-{place}") for place in (1, 2)]
        build_lake(folder, batch=f"n{unit}", orders=rows, accounts=[account(f"n{unit}")])
        tell(f"acked {unit}")

    def read_units(self, folder: Path) -> Sequence[int]:
        """Count each batch's rows: all of them, once, or none."""
        build_lake(folder, batch=f"after{len(list(folder.iterdir()))}", accounts=[account("a1")])
        lake = Lake(folder / "lake")
        listed = [one.batch_id for one in lake.batches() if one.batch_id.startswith("n")]
        for table, count in (("orders", 2), ("accounts", 1)):
            rows = [row for file in lake.files(table) for row in pq.read_table(file).to_pylist()]
            found = Counter(row["batch_id"] for row in rows if row["batch_id"].startswith("n"))
            if found != dict.fromkeys(listed, count):
                raise BrokenError(f"{table}: {found}, listed {listed}")
        return [int(name[1:]) for name in listed]


class Refresh:
    """A refresh of a small company, one day after the other."""

    sites = ("run.begun", "run.rows", "run.publishing", "run.published")
    window = sites
    per_folder = 40

    def prepare(self, folder: Path) -> None:
        """Write the lake and release a model, also for a ledger that nobody disturbs."""
        place = build_company(folder, contracts=False)
        for one in (place, _beside(folder)):
            release_orders(one.open_ledger(), one)

    def work(self, folder: Path, unit: int, tell: Tell) -> None:
        """Score as of one day more."""
        place = place_of(folder)
        ledger, snapshot = place.open_ledger(), stand_on(place, FIRST + timedelta(days=unit))
        tell(f"sent {unit}")
        refresh_scores(snapshot, ledger, place=place)
        tell(f"acked {unit}")

    def read_units(self, folder: Path) -> Sequence[int]:
        """Hold each published run to one that nobody disturbed: all its rows, each day once."""
        ledger, beside = place_of(folder).open_ledger(), _beside(folder)
        found, whole = _count_rows(ledger), _count_rows(beside.open_ledger())
        for day in sorted({day for _, day, _ in found} - {day for _, day, _ in whole}):
            refresh_scores(stand_on(beside, day), beside.open_ledger(), place=beside)
        expected = {day: counts for _, day, counts in _count_rows(beside.open_ledger())}
        for run_id, day, counts in found:
            if counts != expected[day]:
                raise BrokenError(f"run {run_id}: {counts} rows, undisturbed {expected[day]}")
        days, current = [day for _, day, _ in found], read_current_run(ledger, "scores")
        if (current and current.run_id) != max((run_id for run_id, _, _ in found), default=None):
            raise BrokenError(f"current {current}, published {found}")
        if len(days) != len(set(days)):
            raise BrokenError(f"a day was published twice: {days}")
        return [(day - FIRST).days for day in days]


def _beside(folder: Path) -> Place:
    """Return the same company with a ledger of its own, which nobody disturbs."""
    return replace(place_of(folder), ledger_address=f"sqlite:///{folder / 'beside.sqlite'}")


def _count_rows(ledger: Ledger) -> list[tuple[int, date, tuple[int, ...]]]:
    """Return run, day and rows in lists and scores of each published run, oldest first."""
    tables = (at_risk, scores_table)
    counts = [
        select(func.count()).where(table.c.run_id == runs.c.id).scalar_subquery()
        for table in tables
    ]
    query = select(runs.c.id, runs.c.as_of, *counts).join(publications).order_by(runs.c.id)
    with ledger.reading() as connection:
        return [(row[0], row[1], tuple(row[2:])) for row in connection.execute(query)]


class Promote:
    """A bundle saved, released and promoted, one version after the other."""

    sites = ("bundle.written", "bundle.saved", "release.written", "release.promoted")
    window = sites
    per_folder = 200

    def prepare(self, folder: Path) -> None:
        """Release a first version."""
        self.work(folder, 0, lambda told: None)

    def work(self, folder: Path, unit: int, tell: Tell) -> None:
        """Release and promote one version more."""
        ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
        tell(f"sent {unit}")
        parts = {f"part{n}.json": f"[{unit},{n}]".encode() for n in range(3)}
        digest = save_bundle(folder / "bundles", "Rule", parts, {"unit": unit})
        now = datetime.now(UTC)
        made = Release("churn", 90, "contractual", "rule", str(unit), digest, FIRST, now, {}, {})
        write_release(ledger, made)
        tell(f"acked {unit}")

    def read_units(self, folder: Path) -> Sequence[int]:
        """Load what speaks: one whole version, the newest released, its parts all its own."""
        ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
        found = read_releases(ledger)
        champion = read_champion(ledger, "churn", horizon_days=90)
        if champion.release_id != found[0].release_id:
            raise BrokenError(f"champion {champion.version}, newest {found[0].version}")
        meta, parts = load_bundle(folder / "bundles", champion.digest)
        units = {content.split(b",")[0][1:] for content in parts.values()}
        if units != {champion.version.encode()} or str(meta["unit"]) != champion.version:
            raise BrokenError(f"version {champion.version} is made of {units}")
        return [int(one.version) for one in found if one.version != "0"]


class Job:
    """A job asked for and done by a worker, its effect a release and its result some bytes."""

    sites = ("job.claiming", "job.claimed", "job.answered", "job.kept", "job.finishing",
             "job.finished")  # fmt: skip
    window = sites[:-1]
    per_folder = 50

    def prepare(self, folder: Path) -> None:
        """Make the ledger."""
        open_ledger(address(folder)).close()

    def work(self, folder: Path, unit: int, tell: Tell) -> None:
        """Ask for one job, and have a worker do all there are."""
        ledger = open_ledger(address(folder))
        tell(f"sent {unit}")
        with ledger.writing() as connection:
            enqueue(connection, "trial", {"unit": unit}, by="key:a")
        tell(f"asked {unit}")
        do_all(ledger, folder, TRIAL)
        tell(f"acked {unit}")

    def read_units(self, folder: Path) -> Sequence[int]:
        """Let another worker end what was left: each job asked for is done, its effect once."""
        ledger = open_ledger(address(folder))
        worker = do_all(ledger, folder, TRIAL)
        while is_any_left(ledger):
            worker.look()
        effects = Counter(int(one.version) for one in read_releases(ledger))
        found = read_jobs(ledger, JobFilters(), limit=10_000)
        for job in found:
            unit = job.payload["unit"]
            content = b"".join(read_result(ledger, job.job_id))
            if job.state != "done" or effects[unit] != 1 or content != b"%d" % unit:
                raise BrokenError(f"{job}: {effects[unit]} effects, result {content[:20]!r}")
        if len(effects) != len(found):
            raise BrokenError("an effect without its job")
        return [job.payload["unit"] for job in found]


def answer_trial(task: Task) -> Answer:
    """Give back the unit's number, and release it as a version in the job's own transaction."""
    unit = task.job.payload["unit"]

    def release(connection: Any) -> None:
        from sqlalchemy import insert

        from ledger.tables import releases

        row = {"model": "churn", "horizon_days": 90, "route": "r", "candidate": "c",
               "version": str(unit), "digest": "", "as_of": FIRST, "metrics": "{}", "card": "{}",
               "created_at": datetime.now(UTC)}  # fmt: skip
        connection.execute(insert(releases), row)

    return Answer("done", [b"%d" % unit], "text/plain", release)


FAMILIES: dict[str, type[Family]] = {
    "ingest": Ingest,
    "refresh": Refresh,
    "promote": Promote,
    "job": Job,
    "push": Push,
    "backup": Backup,
    "restore": Restore,
    "erase": Erase,
}
