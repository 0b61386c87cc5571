from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np

from tests.builders import account, fact, noon
from tests.features.deals.context.company import DAY, ago, closed, look, opened, snapshot_of
from tests.features.deals.context.test_rebuild import everything


def test_a_company_without_deals_has_no_rows(tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path, DAY, accounts=[account("a1", ago(9))])
    assert look(snapshot, everything) == {}


def test_deals_of_thirty_stages_and_absurd_values_are_counted(tmp_path: Path) -> None:
    late = fact(ago(2), change_id="c1", opportunity_id="far", changed_at=noon(ago(200)),
                field="stage", text_before="q", text_after="z")  # fmt: skip
    deals = [opened("far", close_on=date(2999, 1, 1), amount_minor=10**15, currency="USD"),
             opened("nobody", account_id=None, owner_id=None, kind=None),
             *closed("usd", "won", ago(3), amount_minor=0, currency="USD"),
             *(opened(f"s{n}", stage=f"stage{n}") for n in range(30))]  # fmt: skip
    snapshot = snapshot_of(tmp_path, DAY, opportunities=deals, opportunity_changes=[late])
    found = look(snapshot, everything)
    assert found["far"]["account_open_deals_count"] == 30
    assert found["far"]["owner_open_count"] == 31
    assert np.isnan(found["nobody"]["owner_win_share"])


def test_a_deal_without_dates_counts_once_it_is_known_closed(tmp_path: Path) -> None:
    bare = fact(ago(5), opportunity_id="bare", outcome="won", owner_id="o1", account_id="a1")
    found = look(snapshot_of(tmp_path, DAY, opportunities=[opened("x"), bare]), everything)
    assert found["x"]["owner_win_share"] == 1
    assert found["x"]["account_won_count"] == 1
