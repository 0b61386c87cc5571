"""A training set holds what was known, in any order of rows the same."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.history import History, open_history
from models.base import Examples
from tests.builders import Row, build_lake, order
from training.datasets import (
    SliceStore,
    TrainingSet,
    build_training_set,
    digest_examples,
    find_first_day,
)
from training.labels import label_lapse, label_spend

FIRST, AS_OF, HORIZON = date(2011, 1, 1), date(2011, 9, 1), 30
DAYS = [date(2011, 5, 1), date(2011, 8, 1)]


def _orders() -> list[Row]:
    rng = np.random.default_rng(5)
    return [
        order(f"a{number}", FIRST + timedelta(days=int(day)), amount_minor=int(amount))
        for number in range(12)
        for day, amount in zip(
            rng.integers(0, 240, size=5), rng.integers(100, 9000, size=5), strict=True
        )
    ]


def _history(folder: Path, orders: list[Row]) -> History:
    build_lake(folder, orders=orders)
    return open_history(folder / "lake", zone=ZoneInfo("UTC"))


def _build(store: SliceStore, days: list[date] = DAYS) -> TrainingSet:
    return build_training_set(store, days, AS_OF, horizon_days=HORIZON, target=label_spend)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    return SliceStore(_history(tmp_path_factory.mktemp("facts"), _orders()))


def test_labels_agree_with_a_plain_count(store: SliceStore) -> None:
    built, rows = _build(store), _orders()
    for place, row in enumerate(built.examples.frame.select(["account_id", "as_of"]).to_pylist()):
        end = row["as_of"] + timedelta(days=HORIZON)
        mine = [one for one in rows if one["account_id"] == row["account_id"]]
        inside = [one for one in mine if row["as_of"] <= one["ordered_at"].date() < end]
        assert built.examples.label[place] == sum(one["amount_minor"] for one in inside)


def test_a_row_stands_for_each_account_that_had_bought(store: SliceStore) -> None:
    built = _build(store)
    rows = _orders()
    for day in DAYS:
        mask = built.examples.as_of == np.datetime64(day)
        bought = {row["account_id"] for row in rows if row["ordered_at"].date() < day}
        assert set(built.examples.take(mask).frame.column("account_id").to_pylist()) == bought


def test_the_digest_is_the_same_in_every_run(tmp_path: Path, store: SliceStore) -> None:
    again = SliceStore(_history(tmp_path, list(reversed(_orders()))))
    assert _build(again).digest == _build(store).digest


def test_the_digest_does_not_depend_on_the_order_of_rows(store: SliceStore) -> None:
    examples = _build(store).examples
    turned = np.random.default_rng(0).permutation(len(examples.label))
    assert digest_examples(examples.take(turned)) == digest_examples(examples)


@pytest.mark.parametrize("change", ["label", "horizon", "row"])
def test_another_content_has_another_digest(store: SliceStore, change: str) -> None:
    examples = _build(store).examples
    keep = np.arange(len(examples.label))
    other = {
        "label": Examples(examples.frame, examples.label + 1, examples.as_of, HORIZON),
        "horizon": Examples(examples.frame, examples.label, examples.as_of, HORIZON + 1),
        "row": examples.take(keep[1:]),
    }[change]
    assert digest_examples(other) != digest_examples(examples)


def test_facts_known_later_change_nothing(tmp_path: Path, store: SliceStore) -> None:
    early = {"amount_minor": 10**9, "known": AS_OF}
    late = [order(f"a{n}", date(2010, 6, 1), **early) for n in range(12)]
    late += [order(f"a{n}", date(2011, 8, 2), **early) for n in range(12)]
    added = _history(tmp_path, [*_orders(), *late])
    assert _build(SliceStore(added)).digest == _build(store).digest
    assert find_first_day(added.as_of(AS_OF)) == find_first_day(store.history.as_of(AS_OF))


def test_a_planted_open_window_is_caught(store: SliceStore) -> None:
    with pytest.raises(NotEnoughHistoryError, match="after the known facts"):
        _build(store, [*DAYS, date(2011, 8, 3)])


def test_nothing_to_learn_from_is_refused(store: SliceStore) -> None:
    for days in ([], [date(2011, 1, 1)]):
        with pytest.raises(NotEnoughHistoryError, match="no account to learn from"):
            _build(store, days)


def test_no_order_known_has_no_first_day(store: SliceStore) -> None:
    with pytest.raises(NotEnoughHistoryError, match="no order known"):
        find_first_day(store.history.as_of(date(2010, 1, 1)))


def test_lapse_is_nothing_bought() -> None:
    assert label_lapse(np.array([0.0, 1.0])).tolist() == [1.0, 0.0]
