"""Which kinds of jobs there are: what does them, and for how long they may run."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from service.worker.task import Answer, Task

HANDLERS: dict[str, str] = {
    "refresh": "service.worker.commands:refresh",
    "train": "service.worker.commands:train",
    "backtest": "service.worker.commands:backtest",
    "scenario_run": "service.worker.commands:run_scenario",
    "export_at_risk": "service.worker.export:export_at_risk",
    "score_rows": "service.worker.scoring:score_rows",
    "replay_score": "service.worker.scoring:replay",
    "erase": "service.worker.erasure:erase",
    "ingest_inbox": "service.worker.inbox:append_inbox",
    "rescore": "service.worker.commands:rescore",
}
"""Kind of job → ``module:function``, called with a `Task` in a process of its own."""

USUAL_SECONDS = 15 * 60.0
LONGEST_SECONDS: dict[str, float] = {
    "erase": 2 * 3600.0,
    "refresh": 2 * 3600.0,
    "rescore": 2 * 3600.0,
    "train": 6 * 3600.0,
    "backtest": 12 * 3600.0,
}
"""After how long a try is ended, by kind; `USUAL_SECONDS` for the others."""


def find_handler(kind: str) -> Callable[[Task], Answer]:
    """Import what does a kind of job."""
    module, _, function = HANDLERS[kind].partition(":")
    handler: Callable[[Task], Answer] = getattr(importlib.import_module(module), function)
    return handler


def longest_seconds(kind: str) -> float:
    """Return how long one try of a kind may run."""
    return LONGEST_SECONDS.get(kind, USUAL_SECONDS)
