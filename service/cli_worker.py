"""The worker's door: what runs beside the web process and does long work."""

from __future__ import annotations

import os
import signal
import socket
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from ledger.audit_check import check_belongs
from ledger.due_times import read_last_due
from ledger.engine import Ledger, open_ledger
from ledger.workers import read_workers
from lifecycle.console import Console
from lifecycle.errors import TruecastError
from lifecycle.options import DataDir, Json
from lifecycle.settings import Settings, load_existing
from service.logs import configure_logs
from service.webhook_address import Reach
from service.worker.child import run_held_job
from service.worker.clock import SteadyClock
from service.worker.courier import Courier
from service.worker.loop import Worker
from service.worker.plan import Pace, Plan
from service.worker.schedule import Schedule, find_next_due, parse_rule
from service.worker.task import Home

app = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False)
SCHEDULED = ("refresh", "train", "backtest")


@app.callback()
def _group() -> None:
    """Do long work."""  # an app of one command would not expect that command's name


@app.command("worker", epilog="Example: truecast worker --concurrency 2 --data-dir ./truecast-data")
def worker_command(
    once: Annotated[
        bool, typer.Option("--once", help="End when nothing that is due waits.")
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs at a time.")] = 1,
    show_schedule: Annotated[
        bool, typer.Option("--show-schedule", help="Say what is due when, and end.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say whether this machine's worker lives, and end.")
    ] = False,
    held_job: Annotated[bool, typer.Option("--held-job", hidden=True)] = False,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Do jobs, each in a process of its own, and begin by itself what the schedule says."""
    settings = load_existing(data_dir)
    if held_job:
        run_held_job(load_home(settings))
        return
    console, ledger = Console(json_mode), open_ledger(settings.ledger_address)
    if check:
        _check(console, ledger)
        return
    schedule = load_schedule(settings)
    if show_schedule:
        _show(console, ledger, schedule)
        return
    check_belongs(ledger, settings.data_dir)  # else it takes rows that belong in another lake
    configure_logs(settings.log_format, settings.log_level)
    worker = Worker(ledger, load_plan(settings, concurrency=concurrency), schedule)
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda number, frame: worker.stop())
    console.mark(synthetic=settings.synthetic)
    console.say(f"worker {worker.plan.name} does {concurrency} jobs at a time (stop with Ctrl-C)")
    _work(worker, open_courier(ledger, settings), once=once)
    ledger.close()


def open_courier(ledger: Ledger, settings: Settings) -> Courier:
    """Return what sends webhooks, as far as the settings let them go."""
    return Courier(
        ledger,
        settings.data_dir,
        reach=Reach(settings.webhooks_allow_http, settings.webhooks_allow_private),
        stale_after_days=settings.stale_after_days,
    )


def load_home(settings: Settings) -> Home:
    """Return what a job needs to know of its company."""
    return Home(
        data_dir=settings.data_dir,
        ledger_address=settings.ledger_address,
        zone=settings.zone,
        calendar=settings.calendar,
        currency=settings.currency,
        synthetic=settings.synthetic,
        memory_bytes=settings.job_memory_mb * 2**20,
        stale_after_days=settings.stale_after_days,
        refuse_after_days=settings.refuse_after_days,
    )


def load_schedule(settings: Settings) -> Schedule:
    """Return what begins by itself.

    Raises
    ------
    UsageError
        A time cannot be read.
    """
    texts = {kind: getattr(settings, f"schedule_{kind}") for kind in SCHEDULED}
    rules = [parse_rule(kind, text) for kind, text in texts.items()]
    told = tuple(rule for rule in rules if rule is not None)
    return Schedule(told, settings.zone, settings.calendar)


def load_plan(settings: Settings, *, concurrency: int) -> Plan:
    """Return how this machine's worker works."""
    where = ["--data-dir", str(settings.data_dir)]
    return Plan(
        name=f"{_machine()}{os.getpid()}",
        command=[sys.executable, "-m", "truecast", "worker", "--held-job", *where],
        environment=dict(os.environ),
        concurrency=concurrency,
        pace=Pace(grace=settings.worker_grace_seconds),
    )


def _work(worker: Worker, courier: Courier, *, once: bool) -> None:
    """Do jobs and send webhooks; with ``once`` one after the other, so that all is told."""
    if once:
        worker.run(once=True)
        courier.look()
        return
    with courier.working():
        worker.run()


def _check(console: Console, ledger: Ledger) -> None:
    """Leave with 5 unless a worker of this machine was seen within the last minute."""
    with ledger.reading() as connection:
        seen = [one for one in read_workers(connection) if one.name.startswith(_machine())]
    ledger.close()
    alive = any(datetime.now(UTC) - one.seen_at < timedelta(minutes=1) for one in seen)
    console.say("a worker lives here" if alive else "no worker was seen here for a minute")
    console.emit({"alive": alive})
    if not alive:
        raise typer.Exit(TruecastError.exit_code)


def _machine() -> str:
    return f"{socket.gethostname()[:80]}:"


def _show(console: Console, ledger: Ledger, schedule: Schedule) -> None:
    now, told = SteadyClock().now(), []
    for rule in schedule.rules:
        due = find_next_due(rule, now, schedule.zone, schedule.calendar)
        with ledger.reading() as connection:
            last = read_last_due(connection, rule.kind)
        told.append(
            {
                "job": rule.kind,
                "every": f"{rule.every} {rule.day if rule.every != 'daily' else ''}".strip(),
                "at": f"{rule.at:%H:%M}",
                "next": due.at.astimezone(schedule.zone).isoformat(timespec="minutes"),
                "next_utc": due.at.isoformat(timespec="minutes"),
                "last_utc": last and last.due_at.isoformat(timespec="minutes"),
                "last_job": last and last.job_id,
            }
        )
    ledger.close()
    columns = list(told[0]) if told else []
    console.table("Schedule", columns, [[one[name] for name in columns] for one in told])
    if not told:
        console.say("nothing is scheduled: every TRUECAST_SCHEDULE_* is off")
    console.emit(told)
