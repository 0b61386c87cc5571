"""A deal table without history: only what stood there at creation is learned from."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from lifecycle.errors import FeatureMismatchError, NotEnoughHistoryError
from models import accuracy
from models.base import Examples
from models.deals.flat import FlatModel

KNOWN = {
    "text:region": "created",
    "number:size": "created",
    "number:elapsed": "closed",
    "text:reason": "unknown",
}


def table(deals=1500, seed=2):
    rng = np.random.default_rng(seed)
    region, size = rng.integers(0, 3, deals), rng.normal(size=deals)
    won = (rng.random(deals) < expit(-0.5 + 0.8 * (region == 1) + 0.9 * size)) + 0.0
    frame = pa.table(
        {
            "opportunity_id": [f"o{k}" for k in range(deals)],
            "account_id": pa.nulls(deals, pa.string()),
            "text:region": np.array(["north", "south", "west"])[region],
            "number:size": size,
            "number:elapsed": won * 10 + rng.random(deals),
            "text:reason": np.where(won > 0, "price", "none"),
            "number:unlisted": won,
        }
    )
    return Examples(frame, won, np.full(deals, np.datetime64("2024-01-01", "D")), 0)


@pytest.fixture(scope="module")
def fitted():
    return FlatModel(KNOWN).fit(table())


def test_only_fields_known_at_creation_are_read(fitted):
    assert {one["field"] for one in fitted.report} == {"text:region", "number:size"}
    frame = table(seed=3).frame.drop_columns(["number:elapsed", "text:reason", "number:unlisted"])
    assert len(fitted.predict(frame)) == 1500


def test_what_was_filled_in_later_changes_nothing(fitted):
    frame = table(seed=3).frame
    place = frame.column_names.index("number:elapsed")
    other = frame.set_column(place, "number:elapsed", [np.zeros(1500)])
    np.testing.assert_array_equal(fitted.predict(frame), fitted.predict(other))


def test_the_signal_there_is_is_found(fitted):
    other = table(seed=4)
    assert accuracy.auc(other.label, fitted.predict(other.frame)) > 0.7


def test_reasons_add_up_and_a_rebuilt_model_gives_the_same_bits(fitted):
    frame = table(seed=5).frame.slice(0, 100)
    p, why = fitted.predict(frame), fitted.explain(frame)
    np.testing.assert_allclose(
        why.base + why.contributions.sum(axis=1), np.log(p / (1 - p)), atol=1e-6
    )
    np.testing.assert_array_equal(FlatModel.from_parts(fitted.to_parts()).predict(frame), p)


def test_an_amount_known_at_creation_is_read():
    examples = table()
    frame = examples.frame.append_column("amount_minor", pa.array(examples.label * 1e5 + 1e6))
    model = FlatModel({"amount_minor": "created"})
    model.fit(Examples(frame, examples.label, examples.as_of, 0))
    assert accuracy.auc(examples.label, model.predict(frame)) == 1.0


def test_a_table_with_nothing_known_at_creation_is_refused():
    with pytest.raises(FeatureMismatchError, match="known"):
        FlatModel({"number:elapsed": "closed"}).fit(table())


def test_under_forty_won_deals_there_is_no_model():
    with pytest.raises(NotEnoughHistoryError, match="40"):
        FlatModel(KNOWN).fit(table(deals=50))
