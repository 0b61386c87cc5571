"""Open deals over HTTP: their order, their filters, one deal, stored scores, owners' bias."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.releases import Release, write_release
from lifecycle.periods import FiscalCalendar
from service.app import create_app
from service.deps import Options
from service.permissions import load_permissions
from tests.ledger.deal_story import deal, deal_release, fill_deals, publish_deals
from tests.ledger.story import DAY, DIGEST, KNOWN, address, new_ledger
from tests.service.conftest import Client, make_key, open_client

PATHS = ("/v1/deals", "/v1/deals/O1", "/v1/scores/deal_win?id=O1", "/v1/owners/bias")


def ids(client: Client, query: str = "") -> list[str]:
    return [row["opportunity_id"] for row in client.json(f"/v1/deals{query}")["deals"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["O2", "O4", "O6", "O1", "O5", "O3"]),
        ("?sort=slip&limit=2", ["O3", "O1"]),
        ("?sort=stalled&stalled=true", ["O3", "O4"]),
        ("?sort=amount&currency=GBP&stalled=false", ["O2", "O1"]),
        ("?owner_id=W2", ["O4", "O3"]),
        ("?team=south&segment=large", ["O4", "O3"]),
        ("?kind=expansion", ["O5"]),
        ("?account_id=A00&sort=amount&limit=1", ["O6"]),
        # the fiscal year of these tests begins in December
        ("?quarter=2012Q1", ["O2", "O6", "O1", "O3"]),
        ("?quarter=2012Q2", ["O4"]),
    ],
)
def test_the_list_can_be_cut_and_ordered(client: Client, query: str, expected: list[str]) -> None:
    assert ids(client, query) == expected


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("synthetic", [True, False])
def test_every_answer_says_how_old_and_how_real_it_is(
    folder: Path, client: Client, path: str, synthetic: bool
) -> None:
    app = create_app(address(folder), Options(folder, 30, FiscalCalendar(12), synthetic))
    answer = Client(app, client.key).json(path)
    assert (answer["as_of"], answer["stale"]) == ("2011-12-10", True)
    assert (answer["model_version"], answer["synthetic"]) == ("deals-1", synthetic)


@pytest.mark.parametrize("path", PATHS)
def test_a_key_without_the_scope_is_refused(folder: Path, ledger: Ledger, path: str) -> None:
    wanted = "scores:read" if "/scores/" in path else "deals:read"
    scopes = tuple(one for one in load_permissions().roles["reader"].scopes if one != wanted)
    answer = open_client(folder, make_key(folder, ledger, scopes)).get(path)
    assert answer.status_code == 403
    assert wanted in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("quarter=2012Q5", "query.quarter"),
        ("quarter=soon", "query.quarter"),
        ("sort=luck", "query.sort"),
        ("kind=renewal", "query.kind"),
        ("stalled=1", "query.stalled"),
        ("currency=pounds", "query.currency"),
        ("owner_id=a%20b", "query.owner_id"),
        ("team=%00", "query.team"),
        ("limit=0", "query.limit"),
    ],
)
def test_a_bad_filter_is_named(client: Client, query: str, where: str) -> None:
    answer = client.get(f"/v1/deals?{query}")
    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["errors"]] == [where]


def test_an_unknown_filter_is_refused_not_ignored(client: Client) -> None:
    assert client.get("/v1/deals?owner=W1").status_code == 400


@pytest.mark.parametrize("sort", ["win", "slip", "stalled", "amount"])
def test_pages_give_each_deal_once_while_refreshes_go_on(tmp_path: Path, sort: str) -> None:
    ledger = new_ledger(tmp_path)
    deal_release(ledger)
    rows = [deal(f"O{i}", 0.1 * (i % 3), p_slip=None if i % 2 else 0.5) for i in range(9)]
    publish_deals(ledger, rows)
    client = open_client(tmp_path, make_key(tmp_path, ledger))
    seen, cursor = [], ""
    while cursor is not None:
        page = client.json(f"/v1/deals?limit=2&sort={sort}{cursor and f'&cursor={cursor}'}")
        seen += [row["opportunity_id"] for row in page["deals"]]
        cursor = page["next_cursor"]
        publish_deals(ledger, [deal("new", 0.9), *rows[::-1]])
    assert sorted(seen) == [f"O{i}" for i in range(9)]


def test_a_changed_cursor_is_refused(client: Client) -> None:
    cursor = client.json("/v1/deals?limit=2")["next_cursor"]
    for place in range(0, len(cursor), 7):
        other = "A" if cursor[place] != "A" else "B"
        changed = cursor[:place] + other + cursor[place + 1 :]
        assert client.get(f"/v1/deals?limit=2&cursor={changed}").status_code == 400, place


@pytest.mark.parametrize("other", ["sort=slip", "owner_id=W1", "quarter=2012Q1"])
def test_a_cursor_belongs_to_its_question(client: Client, other: str) -> None:
    cursor = client.json("/v1/deals?limit=2")["next_cursor"]
    assert client.get(f"/v1/deals?cursor={cursor}").status_code == 200
    assert client.get(f"/v1/deals?{other}&cursor={cursor}").status_code == 400
    assert client.get(f"/v1/at-risk?cursor={cursor}").status_code == 400


def test_a_deal_shows_chances_close_evidence_and_moves(client: Client) -> None:
    found = client.json("/v1/deals/O1")
    assert found["chances"] == {"30": 0.2, "60": 0.3, "90": 0.35, "180": 0.4}
    assert found["close"]["p50_on"] == "2012-01-19"
    assert found["evidence"] == [{"text": "deals pushed twice: 18 % won", "share": 0.18, "n": 214}]
    assert [one["field"] for one in found["history"]] == ["stage", "close_on", "amount_minor"]
    assert (found["quarter_start_on"], found["quarter_ends_before"]) == ("2011-10-01", "2012-01-01")
    assert found["reasons"][0]["group"] == "close_date"


def test_a_deal_keeps_what_was_said_before(client: Client) -> None:
    found = client.json("/v1/deals/O1")
    assert (found["p_win"], found["current"]) == (0.3, True)
    assert [(one["p_win"], one["as_of"]) for one in found["scores"]] == [(0.2, "2011-12-03")]


def test_a_closed_deal_shows_its_last_open_day(client: Client) -> None:
    found = client.json("/v1/deals/gone")
    assert (found["current"], found["as_of"]) == (False, "2011-12-03")


def test_a_deal_without_account_amount_and_dates_is_shown(client: Client) -> None:
    found = client.json("/v1/deals/O5")
    names = ("account_id", "amount_minor", "currency", "close_on", "p_slip")
    assert [found[name] for name in names] == [None] * 5


def test_money_is_whole_however_large(client: Client) -> None:
    assert '"amount_minor":1000000000000000,' in client.get("/v1/deals/O6").text


def test_an_unknown_deal_says_what_was_found_expected_and_to_do(client: Client) -> None:
    answer = client.get("/v1/deals/nobody")
    assert (answer.status_code, answer.json()["type"][-12:]) == (404, "unknown-deal")
    detail = answer.json()["detail"]
    assert all(part in detail for part in ("no score", "expected an id", "to do:"))


def test_before_the_first_run_the_answer_says_what_to_run(tmp_path: Path) -> None:
    client = open_client(tmp_path, make_key(tmp_path, new_ledger(tmp_path)))
    for path in PATHS:
        answer = client.get(path)
        assert answer.status_code == 503
        assert "truecast train deal_win" in answer.json()["detail"]


def test_scores_of_deals_come_in_the_order_asked_with_the_missing_named(client: Client) -> None:
    answer = client.json("/v1/scores/deal_win?id=O3&id=gone&id=O1&id=O3")
    assert [row["opportunity_id"] for row in answer["scores"]] == ["O3", "O1"]
    assert (answer["missing"], answer["model"]) == (["gone"], "deal_win")
    assert answer["scores"][1]["p_win_quarter"] == 0.3


@pytest.mark.parametrize("query", ["", "?id=", "?id=a%20b", "?" + "&".join(["id=O1"] * 101)])
def test_bad_ids_of_deals_are_refused(client: Client, query: str) -> None:
    assert client.get(f"/v1/scores/deal_win{query}").status_code == 422


def test_owners_stand_with_n_and_interval_the_surest_first(client: Client) -> None:
    first, second = client.json("/v1/owners/bias")["owners"]
    assert (first["owner_id"], first["label"], first["deals_count"]) == ("W1", "happy_ears", 31)
    assert first["ratio_low"] < first["ratio"] < first["ratio_high"] < 1
    assert (second["label"], second["late_share"], second["won_count"]) == (None, 0.5, 6)


@pytest.mark.parametrize(
    ("query", "names"),
    [("?label=happy_ears", ["W1"]), ("?owner_id=W2", ["W2"]), ("?team=west", [])],
)
def test_owners_can_be_chosen(client: Client, query: str, names: list[str]) -> None:
    found = client.json(f"/v1/owners/bias{query}")["owners"]
    assert [one["owner_id"] for one in found] == names


def test_owners_are_not_told_of_to_who_may_only_read_cards(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    made = Release("deal_win", 0, "deals", "deal_win", "1", DIGEST, DAY, KNOWN, {},
                   {"owner_bias": [{"owner_id": "W1"}], "purpose": "deals"})  # fmt: skip
    write_release(ledger, made)
    client = open_client(tmp_path, make_key(tmp_path, ledger, ("models:read",)))
    (found,) = client.json("/v1/models")["models"]
    assert found["card"] == {"purpose": "deals"}


def test_a_deal_table_without_history_answers_no_quarter(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    fill_deals(ledger)
    flat = {"p_win_quarter": None, "p_slip": None, "expected_in_quarter_minor": None}
    publish_deals(ledger, [deal("O1", **flat, detail=None, history=None)])
    found = open_client(tmp_path, make_key(tmp_path, ledger)).json("/v1/deals/O1")
    assert (found["p_win"], found["p_win_quarter"], found["history"]) == (0.3, None, [])
    assert set(found["chances"].values()) == set(found["close"].values()) == {None}
