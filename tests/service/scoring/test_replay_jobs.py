"""A replay is asked for over HTTP, done by a worker, and gives the same bits; on every route."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ledger.engine import Ledger
from ledger.feature_rows import FeatureRow
from service.scoring import replay as module
from tests.service.conftest import Client
from tests.service.scoring.company import open_deals
from tests.service.scoring.conftest import ask
from tests.service.scoring.test_ask import names
from tests.service.scoring.test_score_jobs import crm as crm
from tests.service.scoring.test_score_jobs import send, work

JSON = "application/json"


def units() -> list[tuple[str, str]]:
    deal = str(open_deals()["opportunity_id"][4].as_py())
    return [("churn", names()[7]), ("clv", names()[7]), ("churn", "C003"), ("deal_win", deal)]


def replay(crm: Client, ledger: Ledger, folder: Path, *unit: str) -> dict[str, Any]:
    answer = send(crm, f"/v1/scores/{unit[0]}/{unit[1]}/replay", b"{}", JSON)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = json.loads(work(ledger, folder))
    return found


@pytest.mark.parametrize("place", range(4))
def test_a_replay_gives_the_bits_that_were_issued(
    crm: Client, ledger: Ledger, folder: Path, place: int
) -> None:
    model, unit_id = units()[place]
    found = replay(crm, ledger, folder, model, unit_id)
    assert found["same"] is True, found
    said = ask(crm, {"ids": [unit_id], "reasons": True}, model)[0]
    for name in ("value", "rank", "band", "reasons"):
        assert found["issued"][name] == found["replayed"][name] == said[name]
    assert (found["input_digest"], found["model_version"]) == (
        said["input_digest"],
        said["model_version"],
    )


@pytest.mark.parametrize("place", range(4))
def test_the_planted_fault_is_caught(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """One value of one feature row is not the one that was scored."""
    model, unit_id = units()[place]
    read = module.read_layout_rows
    monkeypatch.setattr(
        module, "read_layout_rows", lambda *given: [nudge(row, unit_id) for row in read(*given)]
    )
    assert replay(crm, ledger, folder, model, unit_id)["same"] is False


def nudge(row: FeatureRow, unit_id: str) -> FeatureRow:
    """The row with the last bit of its first number changed, if it is that unit's."""
    if row.unit_id != unit_id:
        return row
    at, value = next((at, one) for at, one in enumerate(row.values) if isinstance(one, float))
    values = [*row.values[:at], float(np.nextafter(value, np.inf)), *row.values[at + 1 :]]
    return replace(row, values=values)


def test_what_was_never_issued_is_not_replayed(crm: Client, ledger: Ledger) -> None:
    for path in ("churn/nobody", "nothing/C003", "deal_win/C003"):
        assert send(crm, f"/v1/scores/{path}/replay", b"{}", JSON).status_code == 404
    for body in (b'{"run_id": 999}', b'{"horizon_days": 30}'):
        assert send(crm, "/v1/scores/churn/C003/replay", body, JSON).status_code == 404
    assert send(crm, "/v1/scores/churn/C003/replay", b'{"run_id": 0}', JSON).status_code == 422
