"""The records of the sales side: canonical, in order, and honest about when things were known."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import find_table
from lifecycle.world.deals_record import BACKDATED_SHARE
from tests.lifecycle.world.sales import sold

TABLES = ("accounts", "owners", "leads", "targets", "costs", "opportunities",
          "opportunity_changes", "activities", "stage_maps")  # fmt: skip


def rows_of(name: str) -> pa.Table:
    return sold()[0].tables()[name]


def days_between(earlier: pa.ChunkedArray, later: pa.ChunkedArray) -> np.ndarray:
    micros = [pc.cast(one, pa.int64()).to_numpy() for one in (earlier, later)]
    return (micros[1] - micros[0]) / 86_400e6


def test_every_table_is_made():
    assert set(sold()[0].tables()) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_rows_are_canonical(name):
    rows, schema = rows_of(name), arrow_schema(find_table(name))
    needed = {field.name for field in schema if not field.nullable} - {"batch_id"}
    assert needed <= set(rows.column_names)
    assert all(rows.schema.field(one).type == schema.field(one).type for one in rows.column_names)
    assert all(rows.column(one).null_count == 0 for one in needed)


@pytest.mark.parametrize("name", TABLES)
def test_allowed_values_only_are_written(name):
    rows = rows_of(name)
    for column in find_table(name).columns:
        if column.allowed and column.name in rows.column_names:
            found = set(pc.unique(rows.column(column.name)).to_pylist()) - {None}
            assert found <= set(column.allowed)


@pytest.mark.parametrize("name", TABLES)
def test_no_version_is_written_twice(name):
    rows, table = rows_of(name), find_table(name)
    keys = [*table.key, *(["known_at"] if table.kind == "entity" else [])]
    assert rows.group_by(keys).aggregate([]).num_rows == rows.num_rows


def test_no_deal_is_known_before_it_was_opened():
    rows = rows_of("opportunities")
    assert days_between(rows["created_at"], rows["known_at"]).min() >= 0


def test_no_change_is_known_before_it_happened():
    rows = rows_of("opportunity_changes")
    assert days_between(rows["changed_at"], rows["known_at"]).min() >= 0


def test_stage_edits_are_backdated_at_the_declared_rate():
    rows = rows_of("opportunity_changes")
    stages = rows.filter(pc.equal(rows["field"], "stage"))
    late = days_between(stages["changed_at"], stages["known_at"]) > 0
    assert 0.7 * BACKDATED_SHARE < late.mean() < 1.8 * BACKDATED_SHARE


def test_changes_in_order_lead_to_the_last_version():
    changes = sold()[0].changes
    deals, moves = sold()[0].deals, changes["field"] == 1
    order = np.lexsort((changes["changed"][moves], changes["deal"][moves]))
    deal, after = changes["deal"][moves][order], changes["after"][moves][order]
    last = np.append(deal[1:] != deal[:-1], True)
    assert np.array_equal(after[last], deals["stage"][deal[last]])


def test_each_stage_change_begins_where_the_one_before_ended():
    changes = sold()[0].changes
    moves = changes["field"] == 1
    order = np.lexsort((changes["changed"][moves], changes["deal"][moves]))
    deal, before, after = (changes[name][moves][order] for name in ("deal", "before", "after"))
    follows = deal[1:] == deal[:-1]
    assert np.array_equal(before[1:][follows], after[:-1][follows])


def test_a_won_deal_closes_on_the_day_it_was_won():
    rows = rows_of("opportunities")
    won = rows.filter(pc.equal(rows["outcome"], "won"))
    assert won["close_on"].equals(pc.cast(pc.floor_temporal(won["closed_at"]), pa.date32()))


def test_every_stage_name_has_its_meaning_on_its_day():
    rows, maps = rows_of("opportunities"), rows_of("stage_maps").to_pylist()
    for row in rows.select(["stage", "known_at"]).slice(0, 3000).to_pylist():
        day = row["known_at"].date()
        assert any(
            one["source_stage"] == row["stage"] and one["effective_from"] <= day
            and (one["effective_to"] is None or day < one["effective_to"])
            for one in maps if one["known_at"] <= row["known_at"] or one["effective_to"]
        )  # fmt: skip


def test_a_stage_is_renamed_in_the_middle_of_the_history():
    rows = rows_of("opportunities")
    last = {
        name: pc.max(rows.filter(pc.equal(rows["stage"], name))["known_at"]).as_py()
        for name in ("Evaluation", "Technical Validation")
    }
    assert last["Evaluation"] < last["Technical Validation"]


def test_a_lead_shows_no_deal_before_it_became_one():
    rows = rows_of("leads")
    early = rows.filter(pc.less(rows["known_at"], rows["converted_at"]))
    assert early.num_rows == 0
    converted = pc.equal(rows["status"], "converted")
    assert pc.equal(converted, pc.is_valid(rows["opportunity_id"])).to_pandas().all()


def test_plans_are_known_before_their_quarter_except_the_first():
    rows = rows_of("targets")
    later = rows.filter(pc.greater(rows["period_start_on"], pc.min(rows["period_start_on"])))
    starts = pc.cast(later["period_start_on"], pa.timestamp("us", tz="UTC"))
    assert days_between(later["known_at"], starts).min() > 0


def test_the_owners_quotas_add_up_to_more_than_the_companys_plan():
    rows = rows_of("targets").to_pandas()
    sums = rows.groupby(["period_start_on", "level"]).amount_minor.sum().unstack()
    assert (sums["owner"] > sums["company"]).mean() > 0.8
