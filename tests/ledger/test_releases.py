from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.engine import Ledger
from ledger.releases import read_champion, read_champions, read_releases, write_release
from lifecycle.errors import ModelNotFoundError
from tests.ledger.story import DIGEST, release


def test_the_newest_promoted_release_is_champion(ledger: Ledger) -> None:
    release(ledger, version="1")
    release(ledger, version="2")
    assert read_champion(ledger, "churn", horizon_days=90).version == "2"
    assert [made.version for made in read_releases(ledger, "churn")] == ["2", "1"]


def test_a_release_that_was_not_promoted_does_not_speak(ledger: Ledger) -> None:
    release(ledger, version="1")
    challenger = replace(read_champion(ledger, "churn", horizon_days=90), version="2")
    write_release(ledger, challenger, promote=False)
    assert read_champion(ledger, "churn", horizon_days=90).version == "1"


def test_each_model_and_horizon_has_its_champion(ledger: Ledger) -> None:
    release(ledger, "churn", days=90)
    release(ledger, "clv", days=365)
    release(ledger, "clv", days=90)
    found = [(made.model, made.horizon_days) for made in read_champions(ledger)]
    assert found == [("churn", 90), ("clv", 90), ("clv", 365)]


def test_each_route_has_its_own_champion(ledger: Ledger) -> None:
    release(ledger, version="1")
    release(ledger, version="2", route="contractual")
    found = [(made.route, made.version) for made in read_champions(ledger)]
    assert found == [("contractual", "2"), ("non_contractual", "1")]
    one = read_champion(ledger, "churn", horizon_days=90, route="non_contractual")
    assert one.version == "1"


def test_a_release_comes_back_as_it_was_written(ledger: Ledger) -> None:
    release_id = release(ledger)
    found = read_champion(ledger, "churn", horizon_days=90)
    assert (found.release_id, found.metrics, found.digest) == (release_id, {"auc": 0.81}, DIGEST)


def test_no_champion_says_what_to_run(ledger: Ledger) -> None:
    with pytest.raises(ModelNotFoundError, match="truecast train clv"):
        read_champion(ledger, "clv", horizon_days=90)
