"""The command as it is typed: it starts, finds nothing to do, and ends."""

from __future__ import annotations

from pathlib import Path

from tests.ledger.story import new_ledger
from truecast import main


def test_a_worker_that_finds_nothing_to_do_ends(tmp_path: Path) -> None:
    new_ledger(tmp_path).close()
    assert main(["worker", "--once", "--data-dir", str(tmp_path)]) == 0
