"""Every row of a world fits its table and says when it was known."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from lifecycle.staging import conform
from lifecycle.tables.catalog import FACT_TABLES, find_table
from lifecycle.world.canonical import build_rows
from lifecycle.world.facts import build_facts, last_at_each_instant
from lifecycle.world.presets import preset
from lifecycle.world.simulate import simulate
from tests.lifecycle.world.worlds import column, facts, tiny

LATENTS = {"health", "frailty", "base", "hazard", "quality", "fit"}
WITHOUT = {"interventions", "exchange_rates"}


def test_a_world_fills_every_table_but_those_that_people_fill():
    assert set(FACT_TABLES) - set(facts()) <= WITHOUT


@pytest.mark.parametrize("name", sorted(set(FACT_TABLES) - WITHOUT))
def test_rows_fit_their_table(name):
    for batch in facts()[name].combine_chunks().to_batches():
        conform(batch, find_table(name), batch_id="b")


@pytest.mark.parametrize("name", sorted(set(FACT_TABLES) - WITHOUT))
def test_each_key_is_there_once_for_each_time_it_was_known(name):
    table = find_table(name)
    keys = [*table.key, *(["known_at"] if table.kind == "entity" else [])]
    assert facts()[name].group_by(keys).aggregate([]).num_rows == facts()[name].num_rows


@pytest.mark.parametrize(
    ("name", "clock"),
    [
        (name, find_table(name).event_clock)
        for name in sorted(set(FACT_TABLES) - WITHOUT)
        if find_table(name).event_clock
    ],
)
def test_nothing_is_known_before_it_happened(name, clock):
    assert (column(name, "known_at") >= column(name, clock) - 1e-6).all()


@pytest.mark.parametrize(
    "name", ["usage", "tickets", "surveys", "invoices", "payments", "activities", "orders"]
)
def test_nothing_happens_after_the_end(name):
    clock = find_table(name).event_clock
    assert column(name, clock).max() < 7 * tiny().params.weeks


def test_values_stay_in_their_lists():
    for name, rows in facts().items():
        for one in find_table(name).columns:
            if one.allowed and one.name in rows.column_names:
                assert set(rows[one.name].unique().to_pylist()) <= {*one.allowed, None}, one


def test_no_latent_is_a_column_or_a_field():
    names = {column for rows in facts().values() for column in rows.column_names}
    assert not names & LATENTS
    assert not set(facts()["attributes"]["name"].unique().to_pylist()) & LATENTS


def test_the_same_world_has_the_same_facts():
    again = build_facts(simulate(preset("tiny", accounts=150, seed=3)))
    assert all(again[name].equals(rows) for name, rows in facts().items())


def test_an_unknown_column_is_refused():
    with pytest.raises(KeyError, match="nonsense"):
        build_rows("usage", tiny().params.start, {"nonsense": np.zeros(1)})


def test_every_reference_to_an_account_is_known():
    ids = facts()["accounts"]["account_id"].unique()
    for name, rows in facts().items():
        if "account_id" in rows.column_names and name != "accounts":
            strangers = pa.compute.invert(pa.compute.is_in(rows["account_id"], value_set=ids))
            assert rows.filter(strangers)["account_id"].drop_null().to_pylist() == [], name


def test_every_version_of_a_line_is_known_after_the_one_before():
    rows = facts()["subscriptions"].sort_by([("subscription_id", "ascending")])
    grouped = rows.group_by("subscription_id", use_threads=False).aggregate([("known_at", "list")])
    for times in grouped["known_at_list"].to_pylist():
        assert all(a < b for a, b in pairwise(times))


def test_open_plans_have_no_renewal_date():
    rows = facts()["subscriptions"]
    months, ends = rows["term_months"].to_numpy(), column("subscriptions", "term_ends_on")
    assert np.isnan(ends[months == 1]).all()
    real = (months > 1) & (rows["mrr_minor"].to_numpy() > 0)
    assert not np.isnan(ends[real]).any()


def test_a_notice_is_known_when_it_was_received_but_for_a_few():
    kinds = facts()["subscription_changes"]["kind"].to_numpy(zero_copy_only=False)
    lag = column("subscription_changes", "known_at") - column("subscription_changes", "changed_at")
    assert (lag[kinds == "notice"] < 0.1).mean() > 0.9
    assert 0.005 < (lag > 1).mean() < 0.04


def test_of_two_versions_at_one_instant_the_last_holds():
    twice = facts()["owners"].slice(0, 1)
    later = twice.set_column(
        twice.column_names.index("team"), "team", pa.array(["moved"], pa.string())
    )
    kept = last_at_each_instant("owners", pa.concat_tables([twice, later]))
    assert kept["team"].to_pylist() == ["moved"]
