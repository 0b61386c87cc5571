"""What a deal model reads of a company's own fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.deals.inputs import Inputs

DEALS, PER_ACCOUNT = 400, 4


def learn(name: str, value: Callable[[int], Any]) -> Inputs:
    """Inputs of deals, four by account, with one own field worked out of the account's number."""
    accounts = [deal // PER_ACCOUNT for deal in range(DEALS)]
    frame = pa.table(
        {
            "opportunity_id": [f"d{deal}" for deal in range(DEALS)],
            "account_id": [f"a{account}" for account in accounts],
            "stage_position": np.arange(DEALS) % 5 + 0.0,
            name: [value(account) for account in accounts],
        }
    )
    return Inputs.learn(frame, (np.arange(DEALS) % 3 == 0) + 0.0)[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("text:external ref", lambda n: f"REF-{n:08}"), ("number:crm_id", lambda n: 7_000.0 + n)],
)
def test_what_names_an_account_is_left_out_though_its_deals_share_it(
    name: str, value: Callable[[int], Any]
) -> None:
    inputs = learn(name, value)
    told = {one["field"]: one for one in inputs.vocabulary.report}[name]
    assert (told["fate"], name in inputs.columns) == ("dropped", False)
    assert str(told["reason"]).startswith("identifier")


def test_a_field_that_many_accounts_share_is_read() -> None:
    assert "text:partner" in learn("text:partner", lambda n: f"partner {n % 40}").columns


def test_inputs_come_back_from_their_json_without_what_was_dropped() -> None:
    inputs = learn("text:external ref", lambda n: f"REF-{n:08}")
    assert Inputs.from_json(inputs.to_json()).columns == inputs.columns
