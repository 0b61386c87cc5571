from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.attributes import LATE, attribute_report, build_attribute_columns
from features.deals.own_fields import build_own_field_columns, own_field_report
from features.forbidden import FORBIDDEN_OF_DEALS, why_forbidden_of_deals
from tests.builders import Row, fact
from tests.features.contracts import merge
from tests.features.deals.context.company import DAY, ago, look, opened
from tests.features.deals.context.company import snapshot_of as stand

LONG_AGO = ago(200)
REFUSED = [
    "Closed Won Reason", "loss_reason", "Reason Lost", "decision_note", "is_won", "closed",
    "Deal Status", "opportunity_result", "sales_stage", "result", "Final Amount", "won_value",
    "actual_acv", "DocuSign Envelope", "esignature", "signed_on", "contract_id", "Order Number",
    "po_number", "Probability", "win_probability", "days_to_close", "Sales Cycle Days",
    "Close Date", "closed_at", "booked_revenue",
]  # fmt: skip
USEFUL = [
    "Region", "Route To Market", "Deal Size Category", "nda_signed", "contract_months",
    "Revenue From Client Past Two Years", "discount_requested", "lead_score", "enclosure_type",
    "Competitor Type", "purchase_order_required", "window_share", "stage_count", "resulting_use",
]  # fmt: skip


def own(name: str, value: float | str, known: date = LONG_AGO, **other: Any) -> Row:
    """A field of deal x, by its own clock unless ``when`` says otherwise."""
    kind = "text" if isinstance(value, str) else "number"
    when = other.pop("when", None)
    key = {"entity": "opportunity", "entity_id": "x", "name": name, kind: value}
    return {**fact(known, **{**key, **other}), "known": when}


def fields_of(folder: Path, *attributes: Row, day: date = DAY, **tables: Any) -> dict[str, Any]:
    """The own fields of the deal called x on a day, as known on DAY."""
    deals = [opened("x"), opened("y", account_id="a2")]
    snapshot = stand(folder, DAY, opportunities=deals, attributes=attributes, **tables)
    return look(snapshot, build_own_field_columns, day)["x"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_knows_how_a_deal_ended_is_refused(name: str) -> None:
    assert why_forbidden_of_deals(name)


@pytest.mark.parametrize("name", USEFUL)
def test_a_name_that_does_not_is_let_in(name: str) -> None:
    assert why_forbidden_of_deals(name) is None


def test_every_shape_says_why() -> None:
    assert all(len(reason.split()) > 2 for reason in FORBIDDEN_OF_DEALS.values())


def test_a_field_is_what_it_was_on_the_landmark(tmp_path: Path) -> None:
    versions = [own("size", 1.0, ago(90)), own("size", 2.0, ago(30))]
    snapshot = stand(tmp_path, DAY, opportunities=[opened("x")], attributes=versions)
    found = [look(snapshot, build_own_field_columns, ago(n))["x"] for n in (90, 89, 30, 0)]
    assert [one.get("number:size") for one in found] == [None, 1.0, 1.0, 2.0]


def test_numbers_and_texts_are_two_columns(tmp_path: Path) -> None:
    found = fields_of(tmp_path, own("region", "north"), own("seats", 7.0))
    assert str(found["text:region"]) == "north"
    assert found["number:seats"] == 7.0
    assert set(found) == {"text:region", "number:seats"}


def test_what_was_known_at_creation_counts_from_there(tmp_path: Path) -> None:
    # loaded in one go long after: the clock of its row says nothing
    found = fields_of(tmp_path, own("size", 3.0, ago(1), when="created"), day=ago(250))
    assert found["number:size"] == 3.0


def test_a_later_value_of_it_counts_from_its_own_clock(tmp_path: Path) -> None:
    values = [own("size", 3.0, ago(90), when="created"), own("size", 9.0, ago(1), when="created")]
    assert fields_of(tmp_path / "a", *values, day=ago(99))["number:size"] == 3.0
    assert fields_of(tmp_path / "b", *values, day=DAY)["number:size"] == 9.0


def test_what_is_known_only_at_the_close_or_nobody_knows_when_is_no_feature(
    tmp_path: Path,
) -> None:
    late = [own("days_open", 3.0, when="closed"), own("ratio", 1.0, when="unknown")]
    assert fields_of(tmp_path, *late) == {}


def test_a_deals_own_field_goes_before_its_accounts(tmp_path: Path) -> None:
    of_account: dict[str, Any] = {"entity": "account", "entity_id": "a1"}
    found = fields_of(
        tmp_path, own("size", 1.0), own("size", 5.0, **of_account),
        own("region", "north", **of_account),
    )  # fmt: skip
    assert found["number:size"] == 1.0
    assert str(found["text:region"]) == "north"


def test_an_account_that_was_merged_shows_the_fields_of_the_one_left(tmp_path: Path) -> None:
    left = own("region", "south", entity="account", entity_id="a9")
    own_one = own("region", "north", entity="account", entity_id="a1")
    merged = [merge("a1", "a9", ago(20))]
    found = [
        fields_of(tmp_path / str(n), left, own_one, day=ago(n), account_merges=merged)
        for n in (40, 10)
    ]
    assert [str(one["text:region"]) for one in found] == ["north", "south"]


def test_a_forbidden_name_may_be_let_in(tmp_path: Path) -> None:
    snapshot = stand(tmp_path, DAY, opportunities=[opened("x")],
                     attributes=[own("win_probability", 0.5)])  # fmt: skip

    def allowed(*given: Any) -> dict[str, Any]:
        return build_own_field_columns(*given, allow={"win_probability"})

    assert look(snapshot, build_own_field_columns)["x"] == {}
    assert look(snapshot, allowed)["x"] == {"number:win_probability": 0.5}


def test_the_report_says_of_each_field_why_it_is_none(tmp_path: Path) -> None:
    rows = [own("size", 1.0), own("loss_reason", "price"), own("ratio", 1.0, when="unknown"),
            own("sku", "b", when="created"), own("churn_flag", 1.0, entity="account")]  # fmt: skip
    snapshot = stand(tmp_path, DAY + timedelta(days=1), attributes=rows)
    report = own_field_report(snapshot).to_pylist()
    assert {row["name"] for row in report if row["used"]} == {"size", "sku"}
    assert all((row["reason"] is None) == row["used"] for row in report)
    assert {row["name"]: row["known"] for row in report}["ratio"] == "unknown"


def test_neither_is_it_a_feature_of_accounts(tmp_path: Path) -> None:
    of_account: dict[str, Any] = {"entity": "account", "entity_id": "a1"}
    rows = [own("ratio", 1.0, when="unknown", **of_account), own("size", 2.0, **of_account)]
    snapshot = stand(tmp_path, DAY, attributes=rows)
    assert list(build_attribute_columns(snapshot, {"account_id": pa.array(["a1"])})) == [
        "number:size"
    ]
    report = {row["name"]: row["reason"] for row in attribute_report(snapshot).to_pylist()}
    assert report == {"ratio": LATE["unknown"], "size": None}


def test_an_absent_value_is_nan_or_null(tmp_path: Path) -> None:
    deals = [opened("x"), opened("y")]
    snapshot = stand(tmp_path, DAY, opportunities=deals,
                     attributes=[own("size", 1.0), own("region", "north")])  # fmt: skip
    found = look(snapshot, build_own_field_columns)["y"]
    assert np.isnan(found["number:size"])
    assert found["text:region"].as_py() is None
