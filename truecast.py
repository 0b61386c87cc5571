"""The ``truecast`` command: maps a command to its module and imports only the one called."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

# set before any library is imported: no telemetry, and no model code from MLflow artifacts
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false",
}.items():
    os.environ[_name] = _value
# OpenMP waits burn a core by spinning; passive waiting is faster where cores are shared
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

COMMANDS: dict[str, tuple[str, str]] = {
    "ingest": ("lifecycle.cli", "read an export into the lake through a mapping file"),
    "dictionary": ("lifecycle.cli", "print the data dictionary"),
    "train": ("training.cli", "train a model as of a day and pass it through the gate"),
    "backtest": ("training.cli", "forecast every past quarter from every past week, and score it"),
    "score": ("service.cli_jobs", "write one model's scores as of a day to a file"),
    "forecast": ("service.cli_jobs", "write the quarter's forecast as of a day to a file"),
    "refresh": ("service.cli_jobs", "score and forecast as of a day into the ledger"),
    "models": ("service.cli_jobs", "list the released models and their cards"),
    "serve": ("service.cli_web", "answer over HTTP from the ledger"),
    "keys": ("service.cli_web", "create, list and revoke API keys"),
    "doctor": ("service.cli_web", "check the data directory and say what is missing"),
    "demo": ("truecast_demo", "the whole product on bundled real data"),
}


def _overview() -> str:
    lines = ["Usage: truecast COMMAND [OPTIONS]", "", "Forecasts that answer for themselves.", ""]
    lines += [f"  {name:<12}{text}" for name, (_, text) in COMMANDS.items()]
    lines += ["", "truecast COMMAND --help shows its options and an example.", ""]
    return "\n".join(lines)


def _run(module: str, arguments: list[str]) -> int:
    from lifecycle.errors import TruecastError

    app: Any = importlib.import_module(module).app
    try:
        result = app(args=arguments, prog_name="truecast", standalone_mode=True)
    except TruecastError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    return int(result or 0)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code (0 ok, 2 usage, 3 refused, 4 data, 5 unavailable)."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_overview())
        return 0 if given else 2
    if given[0] not in COMMANDS:
        sys.stderr.write(f"error: command {given[0][:40]!r}; expected one of {', '.join(COMMANDS)}\n")
        return 2
    return _run(COMMANDS[given[0]][0], given)


if __name__ == "__main__":
    raise SystemExit(main())
