"""The rules that rows are held to, by name; and which row broke which."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]

RULES: dict[str, str] = {
    "wrong_column_count": "the line has another number of fields than the header",
    "not_json": "the line is not one JSON object",
    "missing_value": "a required value is absent",
    "id_form": "an id is not 1-64 of A-Z a-z 0-9 _ . : -",
    "id_like_email": "an id looks like an e-mail address",
    "not_a_number": "the value is not a number",
    "not_whole": "the value is not a whole number",
    "not_finite": "the number is NaN or infinite",
    "out_of_range": "the number is beyond 1e15 minor units or 2^53",
    "not_a_flag": "the value is neither yes nor no",
    "not_a_date": "the value has none of the formats",
    "ambiguous_date": "two of the formats read the value as different days",
    "not_in_list": "the value is not one of those allowed",
    "value_unmapped": "the mapping's value map does not name the value and has no default",
    "text_too_long": "the text has more than 200 characters",
    "negative_count": "a count or duration is negative",
    "negative_mrr": "monthly recurring revenue is negative: net a discount against its line",
    "share_range": "a share is not within 0-1",
    "sign_kind": "the amount's sign does not fit the kind of document",
    "currency_unknown": "the currency is no ISO 4217 code",
    "currency_foreign": "the currency is not the company's",
    "future_event": "the event lies more than a day after its arrival",
    "future_known": "known_at lies more than a day after the arrival",
    "known_before_event": "known_at lies more than a day before the event",
    "deal_amount": "a deal's amount is negative, or 1e15 minor units or more",
    "closed_before_created": "a deal was won or lost more than a day before it was created",
    "end_before_start": "a contract's term ends before the contract, or the term, begins",
    "key_repeated": "an earlier row of the batch has the same key and another content",
}
"""Rules that put a row into the quarantine."""

NOTES: dict[str, str] = {
    "cp1252_line": "lines that were not UTF-8 and were read as Windows-1252",
    "blank_line": "lines without any value, left out",
    "identical_duplicate": "rows equal to an earlier row of the batch, left out",
    "money_rounded": "amounts with digits below the minor unit, rounded half to even",
    "not_kept": "rows that the mapping's `keep` does not want, left out",
    "close_date_far": (
        "rows of deals with an expected close outside 1990-2100; kept, and unknown to features"
    ),
    "merge_of_unknown_account": (
        "merges that name an account of which no order, contract or account row is known; kept, "
        "as its facts may come later"
    ),
    "attribute_contact_like": "attribute values that look like an e-mail address, left out",
    "attribute_too_long": "attribute values of more than 200 characters, left out",
}
"""What was put right or left out without harm, and counted."""


@dataclass
class Faults:
    """Which of ``size`` rows broke which rule first.

    Attributes
    ----------
    codes
        0 = no rule broken, else 1 + place in ``labels``; shape (n,).
    labels
        Pairs of rule and column.
    """

    size: int
    codes: npt.NDArray[np.int16] = field(init=False)
    labels: list[tuple[str, str]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.codes = np.zeros(self.size, dtype=np.int16)

    def add(self, rule: str, column: str, broken: Flags) -> None:
        """Note the rows that break a rule, unless they broke one before."""
        if rule not in RULES:
            raise KeyError(rule)
        fresh = broken & (self.codes == 0)
        if fresh.any():
            self.labels.append((rule, column))
            self.codes[fresh] = len(self.labels)

    @property
    def good(self) -> Flags:
        """Rows that broke no rule, shape (n,)."""
        return np.asarray(self.codes == 0)
