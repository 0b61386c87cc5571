"""People and custom fields: losses are learnt late, doubles are found, traps are where they are."""

import numpy as np
import pyarrow.compute as pc

from lifecycle.world.custom import CANARY
from lifecycle.world.dirt import DirtRates
from lifecycle.world.people import draw_doubles, first_known
from lifecycle.world.trace import JUMPS
from tests.lifecycle.world.worlds import account_rows, column, facts, moves, tiny


def field(name):
    """Rows of a custom field."""
    return facts()["attributes"].filter(pc.equal(facts()["attributes"]["name"], name))


def test_each_lost_champion_is_a_contact_who_left_in_that_week():
    lost = tiny().jumps[tiny().jumps["kind"] == JUMPS.index("champion")]
    lost = lost[lost["week"] < tiny().params.weeks - 5]
    left, rows = column("contacts", "left_on"), account_rows("contacts")
    champion = facts()["contacts"]["is_champion"].to_numpy(zero_copy_only=False)
    told = {(row, day // 7) for row, day in zip(rows[champion], left[champion], strict=True)}
    assert len(lost) > 10
    assert all((one["account"], one["week"]) in told for one in lost)


def test_we_learn_of_a_departure_days_or_weeks_later():
    left = column("contacts", "left_on")
    gone = ~np.isnan(left)
    lag = column("contacts", "known_at")[gone] - left[gone]
    assert lag.min() >= 3
    assert lag.max() <= 29


def test_doubles_end_in_the_account_that_is_real():
    merges = facts()["account_merges"]
    assert all(one[0] == "D" for one in merges["account_id"].to_pylist())
    assert set(merges["into_account_id"].to_pylist()) <= set(tiny().accounts.account_id)


def test_a_double_draws_facts_only_while_it_is_there():
    rates = DirtRates()
    doubles = draw_doubles(tiny(), rates)
    for name, since, merged in zip(doubles.ids.to_pylist(), doubles.since, doubles.merged,
                                   strict=True):  # fmt: skip
        of = facts()["activities"]["account_id"].to_numpy(zero_copy_only=False) == name
        known = column("activities", "known_at")[of]
        assert ((known > since) & (known < merged)).all()


def test_the_canary_knows_the_end_from_the_first_day():
    rows = field(CANARY)
    known = rows["known_at"].cast("int64").to_numpy()
    state = dict(zip(rows["entity_id"].to_pylist(), rows["text"].to_pylist(), strict=True))
    gone = [state[one] == "churned" for one in tiny().accounts.account_id]
    assert (np.array(gone) == ~tiny().weekly.active[:, -1]).all()
    assert len(known) == len(tiny().accounts.account_id)


def test_nobody_writes_that_a_customer_leaves_before_the_notice():
    rows = field("csm_risk_note")
    first = np.full(len(tiny().accounts.account_id), np.inf)
    np.minimum.at(first, moves("notice")["account"], moves("notice")["decided_day"])
    ids = {name: row for row, name in enumerate(tiny().accounts.account_id)}
    named = facts()["attributes"]["name"].to_numpy(zero_copy_only=False) == "csm_risk_note"
    known = column("attributes", "known_at")[named]
    places = [ids[one] for one in rows["entity_id"].to_pylist()]
    assert (known > first[places]).all()


def test_some_fields_are_useful_and_some_are_noise():
    vendors, noise = field("other_vendors_count"), field("office_distance_km")
    frailty = dict(zip(tiny().accounts.account_id, tiny().accounts.frailty, strict=True))
    told = [
        np.corrcoef([frailty[one] for one in rows["entity_id"].to_pylist()], rows["number"])[0, 1]
        for rows in (vendors, noise)
    ]
    assert told[0] > 0.3
    assert abs(told[1]) < 0.25


def test_test_accounts_hold_lines_without_a_price():
    marked = field("is_test")["entity_id"].to_pylist()
    rows = facts()["subscriptions"]
    held = rows.filter(pc.is_in(rows["account_id"], value_set=field("is_test")["entity_id"]
                                .combine_chunks()))  # fmt: skip
    assert marked
    assert held["mrr_minor"].to_pylist() == [0] * held.num_rows


def test_a_new_customer_is_on_record_the_day_it_signs():
    signed = np.full(len(tiny().accounts.account_id), 10**6)
    np.minimum.at(signed, tiny().movements["account"], tiny().movements["decided_day"])
    new = np.arange(len(signed)) >= tiny().params.initial_accounts
    assert (np.floor(first_known(tiny())[new]) == signed[new]).all()
