"""What is sold, and test accounts that hold it without paying: no customers at all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lifecycle.world.canonical import build_rows, tags
from lifecycle.world.dirt import DirtRates
from lifecycle.world.presets import CURRENCY, PRODUCTS, WEEK_DAYS
from lifecycle.world.seeds import Streams
from lifecycle.world.trace import Trace

LAUNCHED_DAYS_BEFORE = 3650.0
"""Days between the launch of the products and the start of the world."""
LIST_PRICES_MINOR = (3_000, 4_800, 1_500)
"""A seat and month, by product."""


def build_tests(trace: Trace, rates: DirtRates) -> dict[str, pa.Table]:
    """Return test accounts: an account, a line without a price and the mark ``is_test``.

    Parameters
    ----------
    trace
        What happened.
    rates
        How many.
    """
    rng = Streams(trace.params.seed).rng("dirt test accounts")
    span = trace.params.weeks * WEEK_DAYS
    number = np.arange(max(1, round(rates.test_account_share * trace.params.accounts)))
    since = np.floor(rng.uniform(0, span / 2, len(number)))
    ids, line = tags("Q", number, width=7), tags("SQ", number, width=6)
    start, known = trace.params.start, since + 10 / 24
    mark = {"entity": "account", "entity_id": ids, "name": "is_test", "text": "true"}
    account = {"account_id": ids, "name": tags("Test ", number), "segment": "smb",
               "created_at": since, "known_at": known}  # fmt: skip
    subscription = {
        "subscription_id": line, "account_id": ids, "product_id": "core", "started_on": since,
        "term_started_on": since, "term_months": 1, "auto_renew": True, "notice_days": 0,
        "billing_months": 1, "payment_terms_days": 30, "mrr_minor": 0, "currency": CURRENCY,
        "seats_count": 1.0, "known_at": known,
    }  # fmt: skip
    change = {
        "change_id": tags("MQ", number), "subscription_id": line, "account_id": ids, "kind": "new",
        "changed_at": known - 0.01, "effective_on": since, "mrr_before_minor": 0,
        "mrr_after_minor": 0, "currency": CURRENCY, "known_at": known,
    }  # fmt: skip
    return {
        "accounts": build_rows("accounts", start, account),
        "attributes": build_rows("attributes", start, {**mark, "number": None, "known_at": known}),
        "subscriptions": build_rows("subscriptions", start, subscription),
        "subscription_changes": build_rows("subscription_changes", start, change),
    }


def build_products(trace: Trace) -> pa.Table:
    """Return rows of ``products``: those of the contracts, with their margins.

    Parameters
    ----------
    trace
        What happened.
    """
    margins = np.array(trace.params.mix.margin_share)
    day = np.full(len(PRODUCTS), -LAUNCHED_DAYS_BEFORE)
    return build_rows(
        "products",
        trace.params.start,
        {
            "product_id": pa.array(PRODUCTS),
            "name": pa.array([one.capitalize() for one in PRODUCTS]),
            "family": "platform",
            "kind": "subscription",
            "list_price_minor": np.array(LIST_PRICES_MINOR),
            "currency": CURRENCY,
            "margin_share": margins,
            "launched_on": day,
            "known_at": day + 0.4,
        },
    )
