"""Money comes after its invoice, once, and late or not at all when there is trouble."""

import numpy as np
import pyarrow.compute as pc

from tests.lifecycle.world.worlds import account_rows, column, facts, moves, tiny


def invoice_place():
    return pc.index_in(
        facts()["payments"]["invoice_id"],
        value_set=facts()["invoices"]["invoice_id"].combine_chunks(),
    ).to_numpy()


def outcome():
    return facts()["payments"]["outcome"].to_numpy(zero_copy_only=False)


def test_no_payment_comes_before_its_invoice():
    place = invoice_place()
    assert (column("payments", "paid_at") >= column("invoices", "issued_at")[place]).all()


def test_an_invoice_is_settled_at_most_once():
    settled = np.isin(outcome(), ["paid", "written_off"])
    _, counts = np.unique(invoice_place()[settled], return_counts=True)
    assert counts.max() == 1


def test_amounts_are_those_of_the_invoices():
    amount = facts()["invoices"]["amount_minor"].to_numpy()[invoice_place()]
    assert (facts()["payments"]["amount_minor"].to_numpy() == amount).all()


def test_trouble_makes_tries_fail():
    week = np.clip(column("payments", "paid_at") // 7, 0, None).astype(int)
    trouble = tiny().weekly.pay_trouble[account_rows("payments"), week]
    failed = outcome() == "failed"
    assert failed[trouble > 0.3].mean() > 0.1
    assert failed[trouble < 0.05].mean() < 0.05


def test_some_pay_late_and_most_do_not():
    due = column("invoices", "due_on")[invoice_place()]
    late = (column("payments", "paid_at") > due + 1)[outcome() == "paid"]
    assert 0.03 < late.mean() < 0.5


def test_what_is_open_at_an_end_without_payment_is_written_off():
    ended = {int(one["line"]): one["effective_day"] for one in moves("involuntary_cancel")}
    ids = facts()["invoices"]["subscription_id"].to_pylist()
    for place, at, kind in zip(invoice_place(), column("payments", "paid_at"), outcome(),
                               strict=True):  # fmt: skip
        end = ended.get(int(ids[place][1:]))
        if end is not None and at > end + 1 and column("invoices", "issued_at")[place] <= end:
            assert kind == "written_off"
