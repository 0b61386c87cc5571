"""Numbers and money from text or typed columns; money is exact to the minor unit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.checks.bounds import LARGEST_MINOR
from lifecycle.checks.rules import Flags

_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_NOT_FINITE = r"(?i)^[+-]?(nan|inf|infinity)$"


@dataclass(frozen=True)
class Numbers:
    """Parsed numbers.

    Attributes
    ----------
    values
        float64; NaN where there is none, shape (n,).
    present
        Rows with a finite number, shape (n,).
    unread
        Rows whose value is no number, shape (n,).
    not_finite
        Rows with NaN or infinity, shape (n,).
    text
        The digits as the source had them, for exact money; ``None`` when it had binary floats.
    """

    values: npt.NDArray[np.float64]
    present: Flags
    unread: Flags
    not_finite: Flags
    text: pa.Array | None


def read_numbers(raw: pa.Array, *, decimal_comma: bool = False) -> Numbers:
    """Read a column as numbers; ``1,234.50`` is understood, with ``decimal_comma`` ``1.234,50``."""
    if pa.types.is_boolean(raw.type) or pa.types.is_nested(raw.type):
        raw = raw.cast(pa.string()) if pa.types.is_boolean(raw.type) else pa.nulls(len(raw))
    if pa.types.is_floating(raw.type) or pa.types.is_integer(raw.type):
        return _typed(raw)
    if pa.types.is_decimal(raw.type):
        # Arrow writes decimals of large scale with an exponent, which the pattern reads too
        return _from_text(raw.cast(pa.string()))
    text = raw if pa.types.is_string(raw.type) else raw.cast(pa.string())
    if decimal_comma:
        text = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
        return _from_text(text)
    grouped = pc.fill_null(pc.match_substring_regex(text, _GROUPED), False)
    if pc.any(grouped).as_py():
        text = pc.if_else(grouped, pc.replace_substring(text, ",", ""), text)
    return _from_text(text)


def _typed(raw: pa.Array) -> Numbers:
    valid = raw.is_valid().to_numpy(zero_copy_only=False)
    exact = raw.cast(pa.string()) if pa.types.is_integer(raw.type) else None
    values = raw.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    none = np.zeros(len(values), dtype=bool)
    present = valid & finite
    return Numbers(np.where(present, values, np.nan), present, none, valid & ~finite, exact)


def _from_text(text: pa.Array) -> Numbers:
    fits = pc.fill_null(pc.match_substring_regex(text, _NUMBER), False)
    clean = pc.if_else(fits, pc.utf8_ltrim(text, "+"), pa.scalar(None, pa.string()))
    values = clean.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    odd = pc.fill_null(pc.match_substring_regex(text, _NOT_FINITE), False)
    fits_np = fits.to_numpy(zero_copy_only=False)
    not_finite = odd.to_numpy(zero_copy_only=False) | (fits_np & ~np.isfinite(values))
    given = text.is_valid().to_numpy(zero_copy_only=False)
    present = fits_np & ~not_finite
    return Numbers(values, present, given & ~fits_np & ~not_finite, not_finite, clean)


@dataclass(frozen=True)
class Money:
    """Money in minor units.

    Attributes
    ----------
    minor
        int64; 0 where there is none, shape (n,).
    out_of_range
        Rows beyond 1e15 minor units, shape (n,).
    rounded
        Rows with digits below the minor unit, shape (n,).
    """

    minor: npt.NDArray[np.int64]
    out_of_range: Flags
    rounded: Flags


def to_minor(numbers: Numbers, digits: npt.NDArray[np.int64]) -> Money:
    """Turn numbers into minor units, rounding half to even.

    Parameters
    ----------
    numbers
        Amounts in the unit that ``digits`` belongs to.
    digits
        Digits below the point per row (0 when the source has minor units already), shape (n,).
    """
    scaled = np.where(numbers.present, numbers.values, 0.0) * 10.0**digits
    too_large = np.abs(scaled) > LARGEST_MINOR
    scaled = np.where(too_large, 0.0, scaled)
    minor = np.rint(scaled)
    # up to 1e15 a float carries the digits of an amount; what is further from a whole number
    # than its own rounding error has digits below the minor unit
    rounded = np.abs(scaled - minor) > np.maximum(np.abs(scaled) * 4e-16, 1e-9)
    whole = minor.astype(np.int64)
    if numbers.text is not None:
        for row in np.flatnonzero(rounded):
            whole[row] = _exact(numbers.text[row].as_py(), int(digits[row]))
    return Money(whole, too_large, rounded)


def _exact(text: str, digits: int) -> int:
    try:
        return int((Decimal(text).scaleb(digits)).quantize(Decimal(1), ROUND_HALF_EVEN))
    except InvalidOperation:
        return 0
