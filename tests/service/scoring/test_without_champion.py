"""Where a route has no model, too old a one, or one whose values the last run does not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.engine import Ledger
from ledger.keys import load_pepper
from lifecycle.errors import ModelNotFoundError, StaleError
from service.deps import Options, Service
from service.scoring.ask import Asker
from service.scoring.compute import Row
from service.scoring.keeper import Keeper
from service.scoring.questions import Block, Question, read_question
from service.scoring.shapes import AskedAnswer, Wish
from service.scoring.writing import write_columns, write_rows
from tests.ledger.story import address, new_ledger
from tests.service.conftest import Client
from tests.service.scoring.company import contracts, fill_company, orders, publish, release
from tests.service.scoring.conftest import ask, post
from tests.service.scoring.test_ask import names
from tests.service.scoring.test_bad_rows import rules


def test_a_route_without_a_model_takes_no_other_away(client: Client) -> None:
    """Value has a champion of one route only."""
    ids = [names()[0], "C001", "nobody"]
    found = ask(client, {"ids": ids, "overrides": {}}, "clv")
    assert found[0]["value"] == ask(client, {"ids": ids[:1]}, "clv")[0]["value"]
    assert [one["problems"][0]["rule"] for one in found[1:]] == ["no-model", "not-scored"]
    body = {"ids": ids[1:], "overrides": {}}
    assert post(client, "/v1/scores/clv", body).status_code == 404


def test_whole_rows_without_a_model_take_no_stored_score_away(client: Client) -> None:
    rows = [{"id": names()[0]}, {"id": "new", "features": {"mrr_minor": 1}}]
    found = ask(client, {"rows": rows, "route": "contractual"}, "clv")
    assert found[0]["value"] is not None
    assert found[1]["problems"][0]["rule"] == "no-model"
    only = {"rows": rows[1:], "route": "contractual"}
    assert post(client, "/v1/scores/clv", only).status_code == 404


def look(folder: Path, ledger: Ledger, **options: Any) -> Asker:
    load_pepper(folder)
    keeper = Keeper(folder, lambda: ledger)
    keeper.look()
    return Asker(Service(address(folder), Options(folder, **options)), keeper)


@pytest.fixture
def home(tmp_path: Path) -> tuple[Path, Ledger]:
    ledger = new_ledger(tmp_path)
    fill_company(ledger, tmp_path)
    return tmp_path, ledger


def test_an_old_model_of_one_route_takes_no_other_away(home: tuple[Path, Ledger]) -> None:
    folder, ledger = home
    made = datetime.now(UTC) - timedelta(days=91)
    release(ledger, folder, contracts()[0], "churn", "c0", route="contractual", created_at=made)
    asker = look(folder, ledger)
    body = {"ids": [names()[0], "C001"], "overrides": {}}
    rows = asker.ask("churn", read_question(body))
    assert rules(rows) == [None, "too-old"]
    with pytest.raises(StaleError, match="91 days ago"):
        asker.ask("churn", read_question({**body, "ids": ["C001"]}))


def test_some_rows_of_a_job_are_no_reason_to_end_it(folder: Path, ledger: Ledger) -> None:
    """A job asks for a thousand rows at a time: they may all be of a route without a model."""
    asker = look(folder, ledger)

    def ask_part(*ids: str, **wish: Any) -> list[Row]:
        block = Block("overrides", list(range(len(ids))), ("id",), [[one] for one in ids])
        return asker.ask("clv", Question(Wish(**wish), list(ids), [block]))

    assert rules(ask_part("C001", "C002")) == ["no-model"] * 2
    with pytest.raises(ModelNotFoundError):
        ask_part("C001", names()[0], horizon_days=30)


def test_money_of_another_horizon_has_no_band(home: tuple[Path, Ledger]) -> None:
    folder, ledger = home
    release(ledger, folder, orders()[2], "clv", "v2", horizon_days=30)
    asker = look(folder, ledger)
    rows = asker.ask("clv", read_question({"ids": names(), "overrides": {}}))
    assert {row.band for row in rows} == {None}
    told = {(row.about.horizon_days, row.about.currency) for row in rows if row.about}
    assert told == {(30, "GBP")}
    before = asker.ask("clv", read_question({"ids": names(), "overrides": {}, "horizon_days": 90}))
    assert {row.band for row in before} == {"high", "medium", "low"}


def test_money_that_no_run_holds_is_in_the_company_s_currency(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    trees, _, value, frame = orders()
    publish(ledger, [(release(ledger, tmp_path, trees, "churn", "t1"), trees, frame)])
    release(ledger, tmp_path, value, "clv", "v1")
    asker = look(tmp_path, ledger, currency="EUR")
    rows = asker.ask("clv", read_question({"ids": names()[:2], "overrides": {}}))
    assert [(row.band, row.about and row.about.currency) for row in rows] == [(None, "EUR")] * 2
    for text in (write_rows(["a", "b"], rows), write_columns(["a", "b"], rows)):
        made = AskedAnswer.model_validate_json(f'{{"model":"clv","synthetic":false,{text}}}')
        assert "low" not in text
        assert {one.band for one in made.scores or ()} <= {None}
