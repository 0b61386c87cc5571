"""An issued score, computed once more, is the same to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.runs import read_current_run
from lifecycle.errors import ModelNotFoundError
from models.columns import read_texts
from service.scoring.issued import Wanted
from service.scoring.replay import replay_score
from tests.service.scoring.company import orders


def current(ledger: Ledger) -> int:
    run = read_current_run(ledger, "scores")
    assert run is not None
    return run.run_id


@pytest.mark.parametrize("model", ["churn", "clv"])
@pytest.mark.parametrize("at", [0, 7, 39])
def test_an_issued_score_is_replayed_bit_for_bit(
    ledger: Ledger, folder: Path, model: str, at: int
) -> None:
    name = str(read_texts(orders()[3], "account_id")[at])
    found = replay_score(ledger, folder / "bundles", Wanted(model, name, current(ledger)))
    assert found["same"] is True
    assert found["replayed"] == found["issued"]
    assert found["issued"]["reasons"] or model == "clv"


def test_a_contract_is_replayed_by_its_own_route(ledger: Ledger, folder: Path) -> None:
    found = replay_score(ledger, folder / "bundles", Wanted("churn", "C003", current(ledger)))
    assert (found["same"], found["model_version"]) == (True, "c1")


def test_a_score_that_was_never_issued_is_refused(ledger: Ledger, folder: Path) -> None:
    for wanted in (Wanted("churn", "nobody", current(ledger)), Wanted("churn", "C003", 999)):
        with pytest.raises(ModelNotFoundError, match="no score"):
            replay_score(ledger, folder / "bundles", wanted)


def test_the_planted_fault_is_caught(
    ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feature row that changed since would be seen."""
    from service.scoring import replay

    def changed(*given: object) -> list[object]:
        return [replace(one, values=_put(one.values, 400.0)) for one in read(*given)]

    read = replay.read_layout_rows
    monkeypatch.setattr(replay, "read_layout_rows", changed)
    name = str(read_texts(orders()[3], "account_id")[0])
    wanted = Wanted("churn", name, current(ledger))
    assert replay_score(ledger, folder / "bundles", wanted)["same"] is False


def _put(values: list[object], first_number: float) -> list[object]:
    place = next(at for at, one in enumerate(values) if isinstance(one, float))
    return [*values[:place], first_number, *values[place + 1 :]]
