from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.engine import open_engine
from lifecycle.history import History
from lifecycle.metrics.revenue import measure_billing, recognise
from tests.builders import build_lake, fact, noon

START = date(2021, 1, 1)


def invoice(name, day, amount_minor, months):
    row = {"account_id": "a1", "issued_at": noon(day), "currency": "USD", "period_start_on": day}
    row |= {"kind": "invoice" if amount_minor > 0 else "credit_note"}
    row |= {"amount_minor": amount_minor, "period_end_on": day + timedelta(days=30 * months)}
    return fact(day, invoice_id=name, **row)


@given(st.integers(-10_000, 10_000), st.integers(1, 800), st.integers(0, 900))
def test_what_two_periods_earn_adds_up_to_the_amount(amount, days, cut):
    end, middle = START + timedelta(days=days), START + timedelta(days=cut)
    first = recognise(amount, START, end, before=middle)
    later = recognise(amount, START, end, before=max(end, middle)) - first
    assert first + later == amount
    assert 0 <= abs(first) <= abs(amount)


def test_invoiced_is_recognised_and_deferred(tmp_path):
    rows = [invoice("i1", START, 120_000, 12), invoice("i2", date(2021, 3, 1), -999, 2)]
    lake = build_lake(tmp_path, invoices=rows)
    known = History(lake, open_engine(), zone=ZoneInfo("UTC")).as_of(date(2021, 3, 15))
    found = measure_billing(known)
    assert found.invoiced_minor == 119_001 == found.recognised_minor + found.deferred_minor
    assert found.recognised_minor == 120_000 * 73 // 360 - 999 * 14 // 60
