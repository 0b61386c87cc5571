"""What was known at an instant stays what it was, whatever the lake is told later."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.batches import BatchHeader
from lifecycle.history import open_history
from lifecycle.lake import Lake
from tests.builders import order, reader

START = datetime(2011, 1, 1, tzinfo=UTC)
KEYS = ("k1", "k2", "k3")
row = st.tuples(st.sampled_from(KEYS), st.integers(1, 3), st.integers(0, 30), st.booleans())
# a batch has each key once: a key with two contents in one batch is refused
batches = st.lists(st.lists(row, max_size=3, unique_by=lambda given: given[0]), max_size=4)


def append(lake, number, rows):
    """Batch ``number`` arrives on day 40 + number; rows are known earlier, as they say or not."""
    arrived = START + timedelta(days=40 + number)
    facts = [
        order(
            order_id=key,
            day=START,
            amount_minor=amount,
            known=START + timedelta(days=day),
            known_source="recorded" if recorded else "assumed",
        )
        for key, amount, day, recorded in rows
    ]
    lake.append(BatchHeader(f"n{number}", "test", arrived), {"orders": reader("orders", facts)})
    return arrived


def seen(lake, *instants):
    """Per instant the amount of each order, and how many rows a reader is given."""
    history = open_history(lake.root, zone=ZoneInfo("UTC"))
    found = []
    for instant in instants:
        snapshot = history.as_of(instant)
        rows = snapshot.collect(snapshot.table("orders")).to_pylist()
        found.append(({row["order_id"]: row["amount_minor"] for row in rows}, len(rows)))
    return found


@settings(max_examples=8, deadline=None)
@given(batches)
def test_after_each_batch_an_event_is_there_once_with_its_latest_content(sent):
    with tempfile.TemporaryDirectory() as folder:
        lake, expected = Lake(Path(folder) / "lake"), {}
        for number, rows in enumerate(sent):
            arrived = append(lake, number, rows)
            expected |= {key: amount for key, amount, _, _ in rows}
            assert seen(lake, arrived + timedelta(hours=1)) == [(expected, len(expected))]


@settings(max_examples=8, deadline=None)
@given(st.lists(row, min_size=1, max_size=3, unique_by=lambda given: given[0]))
def test_an_assumed_correction_does_not_change_what_was_known(rows):
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake")
        append(lake, 0, rows)
        days = [START + timedelta(days=day) for day in (0, 10, 20, 31)]
        before = seen(lake, *days)
        append(lake, 1, [(key, amount + 5, day, False) for key, amount, day, _ in rows])
        assert seen(lake, *days) == before
