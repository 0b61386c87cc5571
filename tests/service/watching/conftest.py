"""Logs of a long-lived process, caught as the lines that it would write."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.logs import LogFormat, LogLevel, configure_logs

Speak = Callable[..., None]
Read = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What would be written; everything that `configure_logs` sets is put back."""
    root, house = logging.getLogger(), logging.getLogger("truecast")
    kept = (list(root.handlers), root.level, house.level, logging.raiseExceptions)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield io.StringIO()
    root.handlers[:] = kept[0]
    root.setLevel(kept[1])
    house.setLevel(kept[2])
    logging.raiseExceptions = kept[3]


@pytest.fixture
def speak(stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Speak:
    """Return what configures the logs, so that they write into `stderr`."""

    def configure(form: LogFormat = "json", level: LogLevel = "info") -> None:
        # not when the fixture is made: the test runner then still puts its own in place
        monkeypatch.setattr(sys, "stderr", stderr)
        configure_logs(form, level)

    return configure


@pytest.fixture
def lines(stderr: io.StringIO, speak: Speak) -> Read:
    """Return a reader of the JSON lines written at level ``info``."""
    speak()
    return lambda: [json.loads(line) for line in stderr.getvalue().splitlines()]
