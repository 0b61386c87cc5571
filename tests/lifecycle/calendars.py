"""Fiscal calendars to test with."""

from typing import get_args

from hypothesis import strategies as st

from lifecycle.periods import EndsRule, FiscalCalendar, Weekday

RETAIL = FiscalCalendar(2, "4-5-4", ends_on="saturday", ends_rule="nearest")
"""The calendar of retail: a year closes on the Saturday nearest 31 January."""

monthly_calendars = st.builds(FiscalCalendar, st.integers(1, 12))
weekly_calendars = st.builds(
    FiscalCalendar,
    st.integers(1, 12),
    st.sampled_from(["4-4-5", "4-5-4", "5-4-4"]),
    st.sampled_from(get_args(Weekday)),
    st.sampled_from(get_args(EndsRule)),
)
