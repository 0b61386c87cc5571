from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.runs import begin_run, publish_run, read_current_run
from ledger.scores import read_scores, write_scores
from lifecycle.errors import ConflictError, LedgerError, UsageError
from tests.ledger.story import (
    DAY,
    KNOWN,
    address,
    new_run,
    publish_scores,
    release,
    score,
)


def test_rows_of_an_unpublished_run_are_invisible(ledger: Ledger) -> None:
    run_id = new_run(ledger)
    write_scores(ledger, run_id, [score("A1", release(ledger))])
    assert read_scores(ledger, "churn", account_ids=["A1"]) == []
    publish_run(ledger, run_id)
    assert [row.account_id for row in read_scores(ledger, "churn", account_ids=["A1"])] == ["A1"]


def test_the_pointer_moves_from_run_to_run(ledger: Ledger) -> None:
    release_id = release(ledger)
    publish_scores(ledger, release_id, ["A1"], value=0.1)
    second = publish_scores(ledger, release_id, ["A1"], value=0.9)
    current = read_current_run(ledger, "scores")
    assert current is not None
    assert (current.run_id, current.as_of, current.data_as_of) == (second, DAY, KNOWN)
    assert read_scores(ledger, "churn", account_ids=["A1"])[0].value == 0.9


def test_publishing_twice_changes_nothing(ledger: Ledger) -> None:
    run_id = publish_scores(ledger, release(ledger), ["A1"])
    publish_run(ledger, run_id)
    with ledger.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM publications").scalar() == 1


def test_an_old_run_cannot_be_published_again(ledger: Ledger) -> None:
    release_id = release(ledger)
    first = publish_scores(ledger, release_id, ["A1"])
    publish_scores(ledger, release_id, ["A1"])
    with pytest.raises(ConflictError, match="published before"):
        publish_run(ledger, first)


def test_an_empty_run_is_not_published(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no rows"):
        publish_run(ledger, new_run(ledger))


def test_an_unknown_run_is_not_published(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no run 77"):
        publish_run(ledger, 77)


def test_an_unknown_kind_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="guess"):
        begin_run(ledger, "guess", as_of=DAY, data_as_of=KNOWN)  # type: ignore[arg-type]


def test_kinds_have_pointers_of_their_own(ledger: Ledger) -> None:
    publish_scores(ledger, release(ledger), ["A1"])
    assert read_current_run(ledger, "forecast") is None


_WRITER = """
import sys, itertools
from ledger.engine import open_ledger
from ledger.scores import write_scores
from tests.ledger.story import new_run, score
ledger = open_ledger(sys.argv[1])
run_id = new_run(ledger)
sys.stdout.write("writing\\n"); sys.stdout.flush()
write_scores(ledger, run_id, (score(f"B{i}", 1, rank=i + 1) for i in itertools.count()))
"""


def test_a_writer_killed_in_the_middle_leaves_the_previous_run(
    ledger: Ledger, tmp_path: Path
) -> None:
    before = publish_scores(ledger, release(ledger), ["A1"])
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, address(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        _wait_for_rows(ledger, more_than=1)
        writer.send_signal(signal.SIGKILL)
    current = read_current_run(ledger, "scores")
    assert current is not None
    assert current.run_id == before
    assert read_scores(ledger, "churn", account_ids=["A1", "B0"])[0].account_id == "A1"
    assert publish_scores(ledger, 1, ["A1"]) > before + 1


def _wait_for_rows(ledger: Ledger, *, more_than: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with ledger.reading() as connection:
            count = connection.exec_driver_sql("SELECT count(*) FROM scores").scalar()
        if int(count or 0) > more_than:
            return
        time.sleep(0.02)
    raise AssertionError("the writer wrote nothing")
