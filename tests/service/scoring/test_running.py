"""A server that runs hears of a rollback within a minute, and says what is behind every score."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.engine import Ledger
from ledger.releases import promote_release, read_releases
from models.columns import read_texts
from service.scoring.keeper import Keeper
from tests.ledger.story import new_ledger
from tests.service.conftest import Client, make_key, open_client
from tests.service.scoring.company import fill_company, fill_deals, open_deals, orders, release
from tests.service.scoring.conftest import ask

PATIENCE = 60.0
SAID = ("unit", "route", "horizon_days", "model_version", "scored_at", "stale", "issued",
        "value", "band", "input_digest", "reasons")  # fmt: skip
NAME = str(read_texts(orders()[3], "account_id")[0])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    folder = tmp_path_factory.mktemp("running")
    ledger = new_ledger(folder)
    fill_company(ledger, folder)
    fill_deals(ledger, folder)
    return folder, ledger


@pytest.fixture
def server(home: tuple[Path, Ledger]) -> Iterator[Client]:
    folder, ledger = home
    client = open_client(folder, make_key(folder, ledger))
    keeper: Keeper = client.app.state.scorer.keeper
    keeper.look()
    keeper.start()  # its own thread looks from now on, as in a server
    yield client
    keeper.stop()


@pytest.fixture(scope="module")
def asked(home: tuple[Path, Ledger]) -> Client:
    """A client of a server that has looked once."""
    folder, ledger = home
    made = open_client(folder, make_key(folder, ledger))
    made.app.state.scorer.keeper.look()
    return made


def hears(client: Client, version: str, patience: float = PATIENCE) -> bool:
    """Whether a version comes to speak, asked over HTTP again and again."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        said = ask(client, {"ids": [NAME], "overrides": {}})[0]["model_version"]
        if said == version:
            return True
        time.sleep(0.05)
    return False


def roll_back(ledger: Ledger) -> None:
    before = next(one for one in read_releases(ledger, "churn") if one.version == "t1")
    with ledger.writing() as connection:
        promote_release(connection, before, reason="rolled back")


def test_a_promotion_and_a_rollback_are_heard_within_a_minute(
    server: Client, home: tuple[Path, Ledger]
) -> None:
    folder, ledger = home
    assert hears(server, "t1")
    release(ledger, folder, orders()[1], "churn", "t2")
    assert hears(server, "t2")
    roll_back(ledger)
    assert hears(server, "t1")


def test_the_planted_fault_is_caught(
    server: Client, home: tuple[Path, Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that looks once, at its start, would never hear of a release."""
    folder, ledger = home
    keeper: Keeper = server.app.state.scorer.keeper
    keeper.stop()  # a look that has begun would hear of it
    monkeypatch.setattr(Keeper, "look", lambda _: None)
    keeper.start()
    release(ledger, folder, orders()[1], "churn", "t3")
    assert not hears(server, "t3", patience=5.0)
    roll_back(ledger)


def questions() -> dict[str, tuple[str, dict[str, Any]]]:
    deal = str(open_deals()["opportunity_id"][0].as_py())
    return {
        "stored": ("churn", {"ids": [NAME]}),
        "contract": ("churn", {"ids": ["C001"], "overrides": {}}),
        "what-if": ("churn", {"ids": [NAME], "overrides": {"recency_days": 3}}),
        "money": ("clv", {"ids": [NAME]}),
        "deal": ("deal_win", {"ids": [deal]}),
        "deal what-if": ("deal_win", {"ids": [deal], "overrides": {}}),
    }


@pytest.mark.parametrize("form", questions())
def test_every_score_says_what_is_behind_it(asked: Client, form: str) -> None:
    model, body = questions()[form]
    found = ask(asked, {**body, "reasons": True}, model)[0]
    assert all(found[name] is not None for name in SAID if name != "reasons"), found
    assert None not in (found["as_of"], found["data_as_of"])
    assert isinstance(found["reasons"], list)
    assert (
        (found["rank"] is not None)
        == found["issued"]
        == ("what-if" not in form and form != "contract")
    )
    assert (found["unit"] == "minor") == (found["currency"] is not None)
