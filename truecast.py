"""The ``truecast`` command: maps a command to its module and imports only the one called.

``demo`` lives here because it alone joins all the rooms: it types, one after the other, the
commands a user would type, on the bundled real data.
"""

from __future__ import annotations

import gc
import importlib
import os
import shlex
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

# set before any library is imported: no telemetry, and no model code from MLflow artifacts
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false",
}.items():
    os.environ[_name] = _value
# threads that spin while they wait starve the other core: a maximum-likelihood fit of many small
# matrix products ran 2.7 times as long with two BLAS threads as with one
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# by Python's default the collector takes much of the time in which a wide query is compiled
YOUNG_OBJECT_COUNT = 50_000

COMMANDS: dict[str, tuple[str, str]] = {
    "ingest": ("lifecycle.cli", "read an export into the lake through a mapping file"),
    "world": ("lifecycle.cli", "make a synthetic company whose truth is known"),
    "dictionary": ("lifecycle.cli", "print the data dictionary"),
    "train": ("training.cli", "train a model as of a day and pass it through the gate"),
    "readiness": ("training.cli", "say what the facts suffice for, and what is missing"),
    "backtest": ("training.cli", "forecast every past quarter from every past week, and score it"),
    "score": ("service.cli_jobs", "write one model's scores as of a day to a file"),
    "forecast": ("service.cli_forecast", "forecast the quarter as of a day, with its record"),
    "changes": ("service.cli_forecast", "show what moved a quarter's forecast since a day"),
    "gap": ("service.cli_forecast", "show how a quarter stands to its targets"),
    "scenarios": ("service.cli_scenarios", "save, list, run and show named what-ifs of a quarter"),
    "accuracy": ("service.cli_accuracy", "show how right past forecasts were, leg by leg"),
    "refresh": ("service.cli_jobs", "score and forecast as of a day into the ledger"),
    "forecast-series": ("service.cli_series", "forecast any table of series with intervals"),
    "metrics": ("service.cli_metrics", "show MRR movements, retention, billing and CLV:CAC"),
    "at-risk": ("service.cli_rescue", "write the at-risk list to a file"),
    "deals": ("service.cli_deals", "show the open deals, who wins, slips or stands still"),
    "interventions": ("service.cli_rescue", "record rescue work, and ask what it did"),
    "track-record": ("service.cli_record", "show what came of the scores that were issued"),
    "models": ("service.cli_jobs", "list the released models and their cards"),
    "promote": ("service.cli_releases", "make a release the champion of its model"),
    "rollback": ("service.cli_releases", "let the release before the champion speak again"),
    "worker": ("service.cli_worker", "do long work as jobs, and begin by itself what is scheduled"),
    "serve": ("service.cli_web", "answer over HTTP from the ledger"),
    "keys": ("service.cli_access", "create, rotate, list and revoke API keys"),
    "books": ("service.cli_access", "name the rows that a key may see"),
    "webhooks": ("service.cli_webhooks", "tell others of risks, forecasts, releases, stale data"),
    "audit": ("service.cli_access", "check and export the log of what was done"),
    "backup": ("service.cli_backup", "copy the whole company while it works"),
    "restore": ("service.cli_backup", "put a backup back into an empty folder"),
    "erase": ("service.cli_backup", "forget a person in everything that is kept"),
    "doctor": ("service.cli_web", "check the data directory and say what is missing"),
    "migrate": ("service.cli_web", "bring the ledger to this version's tables"),
    "demo": ("truecast", "the whole product on bundled or synthetic data, ending in a server"),
}

DEMO_AS_OF = "2011-12-10"
DEMO_SETTINGS = """\
# Online Retail II: a UK seller whose fiscal year starts on 1 December
currency = "GBP"
timezone = "Europe/London"
fiscal_year_start_month = 12
# the data end in 2011: without this every score of the demo would be shown as stale
stale_after_days = 36500
"""


def _overview() -> str:
    lines = ["Usage: truecast COMMAND [OPTIONS]", "", "Forecasts that answer for themselves.", ""]
    width = max(map(len, COMMANDS)) + 2
    lines += [f"  {name:<{width}}{text}" for name, (_, text) in COMMANDS.items()]
    lines += ["", "truecast COMMAND --help shows its options and an example.", ""]
    return "\n".join(lines)


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"error: {text}\n")
    return code


def _tell_progress(handle: str) -> None:
    from lifecycle.console import report_to

    report_to(int(handle))


def _work_for_job(lease: str) -> None:
    """Die with the worker's process that started this one, and publish under its lease only."""
    from ledger.job_effects import hold
    from ledger.job_leases import Lease
    from lifecycle.processes import die_with_parent

    die_with_parent()
    hold(Lease.parse(lease))


def _run(command: str, arguments: list[str]) -> int:
    from typer.exceptions import TyperException

    from lifecycle.errors import TruecastError

    try:
        if lease := os.environ.get("TRUECAST_JOB"):
            _work_for_job(lease)
        if command == "demo":
            return demo(arguments)
        app: Any = importlib.import_module(COMMANDS[command][0]).app
        result = app(args=[command, *arguments], prog_name="truecast", standalone_mode=False)
    except TruecastError as error:
        return _fail(str(error), error.exit_code)
    except TyperException as error:
        return _explain(error, command)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        todo = "expected a path that it may use, with room; to do: check path, permissions and disk"
        return _fail(f"the machine refused: {error.strerror or error}{where}; {todo}", 5)
    return int(result or 0)


def _explain(error: Any, command: str) -> int:
    """Tell in one line what is wrong with the words after a command."""
    told = " ".join(error.format_message().split()).rstrip(".")
    if not told:  # no words at all: its help was shown instead
        return 2
    return _fail(f"{told}; expected the options of `truecast {command} --help`", 2)


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        Words after ``truecast``; ``None`` takes the process's own.

    Returns
    -------
    int
        Exit code: 0 ok, 2 usage, 3 refused by policy, 4 data error, 5 unavailable.
    """
    gc.set_threshold(YOUNG_OBJECT_COUNT, *gc.get_threshold()[1:])
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["--progress-fd"]:  # a job listens to this command
        _tell_progress(given[1])
        given = given[2:]
    if not given or given[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_overview())
        return 0 if given else 2
    if given[0] not in COMMANDS:
        known = ", ".join(COMMANDS)
        return _fail(f"command {given[0][:40]!r}; expected one of {known}", 2)
    return _run(given[0], given[1:])


@dataclass(frozen=True)
class Demo:
    """One demo: where it is built, the day it stands on, and what fills the lake."""

    data_dir: str
    as_of: date
    fill: list[list[str]]
    models: tuple[str, ...] = ("churn", "clv")

    def steps(self) -> list[list[str]]:
        """Return the commands in order, each as a user would type it."""
        where = ["--data-dir", self.data_dir]
        day = ["--as-of", self.as_of.isoformat(), *where]
        return [
            *([*step, *where] for step in self.fill),
            *(["train", model, *day] for model in self.models),
            ["backtest", "--quarters", "8", *day],
            ["refresh", *day],
        ]


def _real_demo(data_dir: str) -> Demo:
    examples = Path(__file__).resolve().parent / "examples"
    mappings, real = examples / "mappings", examples / "online_retail_ii"
    fill = [
        [
            "ingest",
            str(real / f"{table}.parquet"),
            "--mapping",
            str(mappings / f"online_retail_ii_{table}.toml"),
        ]
        for table in ("accounts", "orders")
    ]
    return Demo(data_dir, date.fromisoformat(DEMO_AS_OF), fill)


def _synthetic_demo(preset_name: str, data_dir: str) -> Demo:
    from lifecycle.world.presets import preset

    # beside the data, never in it: what trains must not be able to read the truth
    truth = ["--truth-dir", f"{data_dir.rstrip('/')}-truth"]
    fill = [["world", "--preset", preset_name, *truth]]
    return Demo(data_dir, preset(preset_name).end, fill, ("churn", "clv", "deal_win"))


def _parse_demo(arguments: list[str]) -> Any:
    import argparse

    parser = argparse.ArgumentParser(
        prog="truecast demo",
        description="Ingest the bundled real orders, or make a synthetic company with "
        "subscriptions, usage, tickets and deals; train, backtest, refresh, and serve.",
        epilog="examples: truecast demo --data-dir demo-data --port 8000 · "
        "truecast demo --world tiny",
    )
    parser.add_argument("--world", choices=("tiny", "demo"), help="a synthetic company instead")
    parser.add_argument("--data-dir", help="folder to build in [demo-data or world-data]")
    parser.add_argument("--port", type=int, default=8000, help="port of the server at the end")
    parser.add_argument("--no-serve", action="store_true", help="stop before serving")
    return parser.parse_args(arguments)


def demo(arguments: list[str]) -> int:
    """Build the whole product on real or synthetic data, print ready requests, and serve.

    Parameters
    ----------
    arguments
        ``--world``, ``--data-dir``, ``--port``, ``--no-serve``.

    Returns
    -------
    int
        Exit code of the first step that failed, else of the server.
    """
    from lifecycle.settings import SETTINGS_FILE

    options = _parse_demo(arguments)
    data_dir = options.data_dir or ("world-data" if options.world else "demo-data")
    if options.world:
        plan = _synthetic_demo(options.world, data_dir)
    else:
        if not (Path(__file__).resolve().parent / "examples" / "online_retail_ii").is_dir():
            return _fail("examples/ is not beside truecast.py; run the demo from a clone", 2)
        plan = _real_demo(data_dir)
        Path(data_dir).mkdir(parents=True, exist_ok=True)
        if not (Path(data_dir) / SETTINGS_FILE).exists():
            (Path(data_dir) / SETTINGS_FILE).write_text(DEMO_SETTINGS)
    for step in plan.steps():
        sys.stdout.write(f"\n$ truecast {shlex.join(step)}\n")
        sys.stdout.flush()
        code = main(step)
        if code:
            return code
    _print_requests(plan, options.port)
    if options.no_serve:
        return 0
    return main(["serve", "--data-dir", data_dir, "--port", str(options.port)])


def _print_requests(plan: Demo, port: int) -> None:
    """Print requests that answer at once: the key is made here and shown this one time."""
    from ledger.engine import open_ledger
    from ledger.keys import KeyRequest, create_key, load_pepper
    from ledger.views import AtRiskFilters, read_at_risk
    from lifecycle.periods import Quarter
    from lifecycle.settings import load_settings
    from service.permissions import load_permissions

    settings = load_settings(plan.data_dir)
    ledger = open_ledger(settings.ledger_address)
    scopes = load_permissions().check_role("reader").scopes
    wanted = KeyRequest(role="reader", scopes=scopes, label="demo", created_by="cli:demo")
    key, _ = create_key(ledger, load_pepper(settings.data_dir), wanted)
    page = read_at_risk(ledger, AtRiskFilters(status="at_risk"), limit=1)
    account = page.rows[0].account_id if page and page.rows else "unknown"
    quarter = Quarter.containing(plan.as_of, settings.calendar).shift(1)
    head = f'curl -s -H "Authorization: Bearer {key}" "http://127.0.0.1:{port}/v1'
    asked = ["at-risk?limit=5", f"accounts/{account}", f"forecasts/{quarter}"]
    if "deal_win" in plan.models:
        asked += ["deals?sort=slip&limit=5", "owners/bias?label=happy_ears"]
    lines = "\n".join(f'{head}/{path}"' for path in asked)
    sys.stdout.write(f"\nAsk the service:\n\n{lines}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
