"""What stands beside a bookings forecast: the shock in words' numbers, and how it concentrates."""

from __future__ import annotations

from math import exp

import numpy as np

from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.bookings.pool import PAST_QUARTERS
from models.forecast.bookings.record import DealRecord, Marked
from models.forecast.bookings.shock import FEWEST_QUARTERS
from models.forecast.bookings.simulate import TO_BE_CREATED, BookingsDraws

SURE90 = 1.645
LARGE_SHARE = 0.5


def tell(
    inputs: BookingsInputs, drawn: BookingsDraws, record: DealRecord, marked: Marked
) -> dict[str, object]:
    """Return facts to show beside the numbers, as JSON values.

    Parameters
    ----------
    inputs, drawn
        The simulation.
    record, marked
        What it was laid out from.

    Returns
    -------
    dict
        ``win_rate_change_share`` with its 90 % interval (share above expectation, below 0 =
        running below it), ``quarters_learned`` (count) and ``few_quarters``, ``largest`` (id,
        expected_minor, share of the mean, mean without it, whether it outweighs the rest),
        ``to_be_created_share`` of the mean, ``created_yield`` (share of new pipeline that the
        quarter still wins), ``foreign_deals`` and ``deals_without_amount`` (counts), ``text``.
    """
    low, middle, high = (
        exp(inputs.win + side * inputs.win_sd) - 1.0 for side in (-SURE90, 0.0, SURE90)
    )
    learned = _quarters(inputs, record)
    total = float(drawn.draws[0].mean())
    rows = marked.rows(inputs.origin_day)
    book = marked.book.take(rows)
    return {
        "win_rate_change_share": middle,
        "win_rate_change_90_share": [low, high],
        "quarters_learned": learned,
        "few_quarters": learned < FEWEST_QUARTERS,
        "largest": _largest(inputs, drawn, total),
        "to_be_created_share": float(drawn.parts[TO_BE_CREATED][0]) / total if total > 0 else 0.0,
        "created_yield": inputs.created_yield,
        "foreign_deals": int(book.foreign.sum()),
        "deals_without_amount": int((np.isnan(book.amount_minor) & ~book.foreign).sum()),
        "text": _text(inputs, low, middle, high=high),
    }


def _text(inputs: BookingsInputs, low: float, middle: float, *, high: float) -> str:
    side = "below" if middle < 0 else "above"
    if inputs.win == 0:
        return "the win rate is taken to run as expected"
    return (
        f"the win rate is running {abs(middle):.0%} {side} expectation "
        f"(90 % interval {low:+.0%} to {high:+.0%})"
    )


def _largest(inputs: BookingsInputs, drawn: BookingsDraws, total: float) -> dict[str, object]:
    expected = inputs.chance * inputs.amount_minor * inputs.haircut
    if not len(expected) or total <= 0:
        return {}
    place = int(expected.argmax())
    without = float(drawn.largest_minor.mean())
    share = (total - without) / total
    return {
        "deal": str(inputs.deal_id[place]),
        "expected_minor": total - without,
        "share": share,
        "mean_without_minor": without,
        "outweighs_the_rest": share > LARGE_SHARE,
    }


def _quarters(inputs: BookingsInputs, record: DealRecord) -> int:
    """Return how many whole quarters on record had passed by the origin, eight at most."""
    return min((inputs.origin_day - record.learn_from) // 91, PAST_QUARTERS)
