from __future__ import annotations

import math

from lifecycle.metrics.retention import measure_retention


def test_end_over_start_of_the_same_customers_is_nrr():
    start, end = {"a": 100, "b": 100, "c": 50}, {"a": 160, "b": 70, "d": 500}
    found = measure_retention(start, end)
    assert found.nrr == (160 + 70) / 250
    assert found.grr == (100 + 70) / 250


def test_no_customers_have_no_retention():
    assert math.isnan(measure_retention({}, {"a": 1}).nrr)
