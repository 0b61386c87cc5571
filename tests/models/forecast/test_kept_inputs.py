import pytest

from lifecycle.errors import DataError
from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.recurring.inputs import RecurringInputs
from tests.models.forecast.gap.kept_inputs import bookings, recurring


@pytest.mark.parametrize(
    ("kind", "make"), [(BookingsInputs, bookings), (RecurringInputs, recurring)]
)
def test_kept_inputs_come_back_to_the_bit(kind, make):
    stored = make().to_arrow()
    assert kind.from_arrow(stored).to_arrow() == stored


@pytest.mark.parametrize("kind", [BookingsInputs, RecurringInputs])
@pytest.mark.parametrize("stored", [b"", b"no stream", bookings().to_arrow()[:200]])
def test_bytes_that_are_no_inputs_are_told(kind, stored):
    with pytest.raises(DataError, match="cannot be read"):
        kind.from_arrow(stored)
