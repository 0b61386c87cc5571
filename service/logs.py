"""The log of a process that runs for long: one line an event on stderr, as JSON or as text.

Of an unexpected failure it tells the kind and the place. Its message stays out, for what went wrong
is often the very value that nobody may read here.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]
LONGEST_MESSAGE = 500
ROOT = Path(__file__).resolve().parents[1]
_LOG = logging.getLogger("truecast.process")
_ENCODE = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str).encode


class Lines(logging.Formatter):
    """One line a record: time, level, event and what the event tells; as JSON or as text."""

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._is_json = form == "json"

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "time": f"{at[:-6]}Z",
            "level": record.levelname.lower(),
            **describe_record(record),
        }
        if self._is_json:
            return _ENCODE(fields)
        time, level, event, *rest = fields.items()
        told = [f"{name}={value}" for name, value in rest]
        return " ".join([time[1], f"{level[1]:<7}", event[1], *told]).replace("\n", " ")


def describe_record(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record tells: its own fields, or its first line; of an error kind and place."""
    told: dict[str, Any] | None = getattr(record, "told", None)
    if told is None:
        # what follows the first line is often a value's own description
        message = record.getMessage().partition("\n")[0][:LONGEST_MESSAGE]
        told = {"event": record.name, "message": message}
    if record.exc_info and record.exc_info[1] is not None:
        return {**told, **describe_error(record.exc_info[1])}
    return told


def describe_error(error: BaseException) -> dict[str, str]:
    """Return the kind of an error, and the last line of this house that it passed.

    Examples
    --------
    >>> describe_error(ValueError("a secret"))
    {'error': 'ValueError', 'place': 'unknown'}
    """
    frames = traceback.extract_tb(error.__traceback__)
    here = str(ROOT)
    ours = [one for one in frames if one.filename.startswith(here) and ".venv" not in one.filename]
    last = (ours or list(frames))[-1:]
    place = "unknown"
    if last:
        path = Path(last[0].filename)
        shown = path.relative_to(ROOT) if ours else Path(*path.parts[-2:])
        place = f"{shown}:{last[0].lineno}"
    return {"error": type(error).__name__, "place": place}


def configure_logs(form: LogFormat, level: LogLevel) -> None:
    """Send every log of this process to stderr in one form; a second call replaces the first.

    Parameters
    ----------
    form
        ``json`` or ``text``.
    level
        Of this house's own events; of libraries only warnings and errors are shown, because below
        them they tell addresses and values.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(form))
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one.formatter, Lines)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("truecast").setLevel(level.upper())
    logging.raiseExceptions = False  # or a broken pipe would print records as they are
    sys.excepthook = _on_failure
    threading.excepthook = _on_thread_failure


def tell(log: logging.Logger, event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log an event with its fields."""
    if log.isEnabledFor(level):
        log.log(level, event, extra={"told": {"event": event, **fields}})


def _on_failure(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    _LOG.error("the process failed", exc_info=(kind, error, trace))


def _on_thread_failure(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        found = (failed.exc_type, failed.exc_value, failed.exc_traceback)
        _LOG.error("a thread failed", exc_info=found)
