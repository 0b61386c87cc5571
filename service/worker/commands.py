"""Jobs that a command of ``truecast`` does: each is run as a user would type it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from datetime import date, datetime, timedelta
from threading import Thread
from typing import IO, Any

from ledger.releases import read_champions
from ledger.runs import read_current_run
from lifecycle.errors import DataError, ModelNotFoundError, RefusedError, TruecastError, UsageError
from service.worker.task import Answer, Task

MODELS = ("churn", "clv", "deal_win")
_BY_EXIT_CODE: dict[int, type[TruecastError]] = {2: UsageError, 3: RefusedError, 4: DataError}


def refresh(task: Task) -> Answer:
    """Score and forecast as of the payload's day.

    Where `rescore` has scored since that day began, its scores stand: they know all that these
    would, and rows that came in since.
    """
    words, run = ["refresh", "--as-of", _day(task)], read_current_run(task.ledger, "scores")
    if run is not None and run.as_of == date.fromisoformat(_day(task)) + timedelta(days=1):
        words.append("--forecasts-only")
    told = run_command(task, words)
    return _keep(told, f"refreshed as of {_day(task)}")


def rescore(task: Task) -> Answer:
    """Score everything anew as the coming night would, by what is known by now.

    It stands on the next day, whose refresh takes its place: of today all that has come counts, and
    what is said is held against what happens from then on.
    """
    day = datetime.now(task.home.zone).date() + timedelta(days=1)
    told = run_command(task, ["refresh", "--scores-only", "--as-of", day.isoformat()])
    return _keep(told, f"scored as of {day}")


def train(task: Task) -> Answer:
    """Train the payload's models as of its day; without a list, those that speak now.

    Raises
    ------
    ModelNotFoundError
        No model was ever trained.
    """
    speaking = {release.model for release in read_champions(task.ledger)}
    models = task.job.payload.get("models") or [
        name for name in MODELS if any(one.split("_sub")[0] == name for one in speaking)
    ]
    if not models:
        raise ModelNotFoundError(
            "no model to train again", "a champion", "run `truecast train churn` by hand first"
        )
    told = [run_command(task, ["train", str(name), "--as-of", _day(task)]) for name in models]
    return _keep(told, f"trained {', '.join(models)} as of {_day(task)}")


def backtest(task: Task) -> Answer:
    """Forecast past quarters as of the payload's day."""
    quarters = str(int(task.job.payload.get("quarters", 8)))
    told = run_command(task, ["backtest", "--as-of", _day(task), "--quarters", quarters])
    return _keep(told, f"backtest over {quarters} quarters as of {_day(task)}")


def run_scenario(task: Task) -> Answer:
    """Run the saved scenario that the payload names."""
    name = str(task.job.payload["name"])
    return _keep(run_command(task, ["scenarios", "run", name]), "scenario run")


def run_command(task: Task, words: list[str]) -> Any:
    """Run ``truecast`` with these words and return what it printed as JSON.

    Its bars become the job's progress. It works under the job's lease, so that what it publishes
    is published once, and dies with this process.

    Raises
    ------
    TruecastError
        It failed; of the class that its exit code stands for.
    """
    told, telling = os.pipe()
    where = ["--json", "--data-dir", str(task.home.data_dir)]
    command = [sys.executable, "-m", "truecast", "--progress-fd", str(telling), *words, *where]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[telling], text=True
    ) as child:
        os.close(telling)
        assert child.stdout is not None
        assert child.stderr is not None
        tail: deque[str] = deque(maxlen=1)
        printed: list[str] = []
        readers = [
            Thread(target=tail.extend, args=(child.stderr,), daemon=True),
            Thread(target=printed.extend, args=(child.stdout,), daemon=True),
        ]
        for reader in readers:
            reader.start()
        with open(told, encoding="utf-8") as lines:
            _follow(task, words[0], lines)
        for reader in readers:
            reader.join()
    if child.returncode:
        _fail(words[0], child.returncode, "".join(tail))
    # the document is one line, the last: a library may have shown a bar of its own before
    return json.loads(printed[-1] if printed else "null")


def _follow(task: Task, name: str, lines: IO[str]) -> None:
    for line in lines:
        told = json.loads(line)
        total = told["total"] or 0
        task.report(told["done"] / total if total else 0.0, f"{name}: {told['what']}")


def _fail(name: str, code: int, line: str) -> None:
    kind = _BY_EXIT_CODE.get(code, TruecastError)
    text = line.strip().removeprefix("error: ")
    raise kind(text if code > 0 and text else f"`truecast {name}` ended with {code}")


def _day(task: Task) -> str:
    return str(task.job.payload["as_of"])


def _keep(told: Any, message: str) -> Answer:
    return Answer(message, [json.dumps(told, ensure_ascii=False).encode()])
