from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

import features.forbidden
from features.attributes import attribute_report, build_attribute_columns
from features.contract_columns import CONTRACT_COLUMNS, attribute_column
from features.forbidden import FORBIDDEN, why_forbidden
from lifecycle.snapshot import Snapshot
from tests.features.contracts import attribute, merge, snapshot_of, sub

DAY = date(2021, 6, 1)
ROOM = Path(features.forbidden.__file__).parent
REFUSED = [
    "cancel_reason", "Churn Reason", "churnComment", "reason_churn", "churn_date", "churned_at",
    "churn_flag", "is_churned", "cancelled", "Cancellation Date", "terminated_on", "left_on",
    "churn_score", "account_status", "Status", "customer-state", "lifecycle_stage", "is_active",
    "offboarding_ticket", "data_export_requested", "final_invoice_minor", "last_bill_amount",
    "csm_note", "risk_comment", "renewal_notes", "at_risk", "end_date", "contract_end_date",
    "unsubscribe_at", "deactivated_flag", "loss_reason", "exit_interview_date",
]  # fmt: skip
USEFUL = [
    "employees", "founded_on", "funding_stage", "onboarding_grade", "crm_system", "health_score",
    "competitor_seen", "office_distance_km", "legal_entity", "statement_count", "weekend_on",
    "implementation_partner", "closest_location", "exposure_share", "plan", "signup_date",
]  # fmt: skip


def ids(*accounts: str) -> dict[str, pa.Array]:
    return {"account_id": pa.array(accounts)}


def columns(at: Snapshot, *accounts: str) -> dict[str, pa.Array]:
    return build_attribute_columns(at, ids(*accounts))


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_knows_the_answer_is_refused(name: str) -> None:
    assert why_forbidden(name)


@pytest.mark.parametrize("name", USEFUL)
def test_a_name_that_does_not_is_let_in(name: str) -> None:
    assert why_forbidden(name) is None


def test_every_shape_says_why() -> None:
    assert all(len(reason.split()) > 2 for reason in FORBIDDEN.values())


def test_no_declared_column_is_of_a_forbidden_name() -> None:
    ours = {column.name for column in CONTRACT_COLUMNS}
    # our own words for closed deals and lines that ended; none says when this account leaves
    assert {name for name in ours if why_forbidden(name)} == set()


def test_reasons_for_leaving_and_free_notes_are_read_by_no_feature() -> None:
    read = "".join(path.read_text() for path in ROOM.glob("*.py"))
    assert not [name for name in (".reason", '"reason"', "text_after", "text_before") if
                name in read.replace('"reason": reason', "").replace('("reason"', "")]  # fmt: skip


def test_forbidden_fields_are_dropped_with_a_report(tmp_path: Path) -> None:
    fields = [attribute("a1", "account_status", "churned"), attribute("a1", "tier", "gold"),
              attribute("a1", "is_test", 0.0)]  # fmt: skip
    at = snapshot_of(tmp_path, DAY, subscriptions=[sub()], attributes=fields)
    report = {row["name"]: row for row in attribute_report(at).to_pylist()}
    assert [report[name]["used"] for name in ("account_status", "is_test", "tier")] == [
        False, False, True]  # fmt: skip
    assert "overwritten in place" in report["account_status"]["reason"]
    assert list(columns(at, "a1")) == ["text:tier"]


def test_a_forbidden_field_can_be_let_in_for_the_alarm(tmp_path: Path) -> None:
    fields = [attribute("a1", "account_status", "churned")]
    at = snapshot_of(tmp_path, DAY, subscriptions=[sub()], attributes=fields)
    let_in = build_attribute_columns(at, ids("a1"), allow=("account_status",))
    assert let_in["text:account_status"].to_pylist() == ["churned"]


def test_a_field_of_both_kinds_has_both_columns(tmp_path: Path) -> None:
    fields = [attribute("a1", "size", 5.0), attribute("a2", "size", "large")]
    found = columns(snapshot_of(tmp_path, DAY, attributes=fields), "a1", "a2")
    assert found["text:size"].to_pylist() == [None, "large"]
    assert str(found["number:size"].to_pylist()) == "[5.0, nan]"


def test_the_surviving_accounts_own_field_goes_before_its_duplicates(tmp_path: Path) -> None:
    fields = [attribute("dup", "tier", "old"), attribute("a1", "tier", "new")]
    merges = [merge("dup", "a1", date(2021, 1, 1))]
    at = snapshot_of(tmp_path, DAY, attributes=fields, account_merges=merges)
    assert columns(at, "a1")["text:tier"].to_pylist() == ["new"]


def test_a_custom_field_is_a_column_of_its_own_family() -> None:
    column = attribute_column("text:tier")
    assert (column.family, column.unit, column.source) == ("attributes", "text", "attributes")
