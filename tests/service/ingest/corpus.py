"""Sixty ways in which a push is broken: rows with one odd value, and bodies that are no push."""

from __future__ import annotations

from typing import Any

from tests.service.ingest.pushes import CURRENCY

Row = dict[str, Any]
FAR = "2999-01-01T00:00:00Z"
GOOD: dict[str, Row] = {
    "orders": {
        "order_id": "canary1", "account_id": "a1", "ordered_at": "2026-01-05T12:00:00Z",
        "kind": "sale", "amount_minor": 1_200, "currency": CURRENCY, "units_count": 2.5,
        "lines_count": 1,
    },
    "subscriptions": {
        "subscription_id": "canary1", "account_id": "a1", "started_on": "2026-01-01",
        "term_started_on": "2026-01-01", "term_ends_on": "2027-01-01", "term_months": 12,
        "auto_renew": True, "mrr_minor": 10_000, "currency": CURRENCY, "discount_share": 0.1,
    },
    "opportunities": {
        "opportunity_id": "canary1", "account_id": "a1", "created_at": "2026-01-05T12:00:00Z",
        "amount_minor": 500, "currency": CURRENCY, "outcome": "won", "close_on": "2026-03-01",
        "closed_at": "2026-02-01T12:00:00Z",
    },
    "attributes": {
        "entity": "account", "entity_id": "canary1", "name": "tier", "text": "gold",
    },
    "exchange_rates": {
        "currency_from": "EUR", "currency_to": "GBP", "rate_on": "2026-01-05", "rate": 0.85,
    },
}  # fmt: skip
# name: table, what is changed in a good row, column and rule that are told
ROWS: dict[str, tuple[str, Row, str, str]] = {
    "id missing": ("orders", {"order_id": None}, "order_id", "missing_value"),
    "id empty": ("orders", {"order_id": ""}, "order_id", "id_form"),
    "id with a blank": ("orders", {"order_id": "canary 1"}, "order_id", "id_form"),
    "id of 65": ("orders", {"order_id": "c" * 65}, "order_id", "id_form"),
    "id a number": ("orders", {"order_id": 17}, "order_id", "id_form"),
    "id a list": ("orders", {"order_id": ["canary"]}, "order_id", "id_form"),
    "id an address": ("orders", {"order_id": "anna@canary.org"}, "order_id", "id_like_email"),
    "reference a path": ("orders", {"account_id": "../canary"}, "account_id", "id_form"),
    "reference in Cyrillic": ("orders", {"account_id": "\u0441nary"}, "account_id", "id_form"),
    "money missing": ("orders", {"amount_minor": None}, "amount_minor", "missing_value"),
    "money with a fraction": ("orders", {"amount_minor": 12.5}, "amount_minor", "not_whole"),
    "money as a float": ("orders", {"amount_minor": 1200.0}, "amount_minor", "not_whole"),
    "money as text": ("orders", {"amount_minor": "1200"}, "amount_minor", "not_a_number"),
    "money as true": ("orders", {"amount_minor": True}, "amount_minor", "not_a_number"),
    "money too large": ("orders", {"amount_minor": 10**15 + 1}, "amount_minor", "out_of_range"),
    "a sale below zero": ("orders", {"amount_minor": -5}, "amount_minor", "sign_kind"),
    "a sale of nothing": ("orders", {"amount_minor": 0}, "amount_minor", "sign_kind"),
    "a credit above zero": ("orders", {"kind": "credit"}, "amount_minor", "sign_kind"),
    "kind unknown": ("orders", {"kind": "canary"}, "kind", "not_in_list"),
    "kind in capitals": ("orders", {"kind": "SALE"}, "kind", "not_in_list"),
    "kind missing": ("orders", {"kind": None}, "kind", "missing_value"),
    "currency unknown": ("orders", {"currency": "ZZZ"}, "currency", "currency_unknown"),
    "currency foreign": ("orders", {"currency": "USD"}, "currency", "currency_foreign"),
    "currency missing": ("orders", {"currency": None}, "currency", "missing_value"),
    "instant without zone": (
        "orders", {"ordered_at": "2026-01-05T12:00:00"}, "ordered_at", "not_a_date"),
    "instant a day": ("orders", {"ordered_at": "2026-01-05"}, "ordered_at", "not_a_date"),
    "instant a number": ("orders", {"ordered_at": 1_767_614_400}, "ordered_at", "not_a_date"),
    "instant of month 13": (
        "orders", {"ordered_at": "2026-13-05T12:00:00Z"}, "ordered_at", "not_a_date"),
    "instant in American": ("orders", {"ordered_at": "01/05/2026"}, "ordered_at", "not_a_date"),
    "instant in year 1": (
        "orders", {"ordered_at": "0001-01-01T00:00:00+14:00"}, "ordered_at", "not_a_date"),
    "instant with other digits": (
        "orders", {"ordered_at": "２０２６-01-05T12:00:00Z"}, "ordered_at", "not_a_date"),
    "an event to come": ("orders", {"ordered_at": "2199-01-01T00:00:00Z"}, "ordered_at",
                         "future_event"),
    "an event far ahead": ("orders", {"ordered_at": FAR}, "ordered_at", "not_a_date"),
    "a count below zero": ("orders", {"lines_count": -1}, "lines_count", "negative_count"),
    "a count with a fraction": ("orders", {"lines_count": 1.5}, "lines_count", "not_whole"),
    "a number as text": ("orders", {"units_count": "canary"}, "units_count", "not_a_number"),
    "a text of 201": ("orders", {"channel": "c" * 201}, "channel", "text_too_long"),
    "a text of 10,000": ("orders", {"channel": "-at-" * 2_500}, "channel", "text_too_long"),
    "a blank text": ("orders", {"channel": " "}, "channel", "missing_value"),
    "a text that is a number": ("orders", {"channel": 7}, "channel", "not_a_text"),
    "a text that is an object": ("orders", {"channel": {"canary": 1}}, "channel", "not_a_text"),
    "a text with an address": ("orders", {"channel": "anna@canary.org"}, "channel", "contact_like"),
    "a flag as text": ("subscriptions", {"auto_renew": "true"}, "auto_renew", "not_a_flag"),
    "a flag as a number": ("subscriptions", {"auto_renew": 1}, "auto_renew", "not_a_flag"),
    "a share above one": ("subscriptions", {"discount_share": 10}, "discount_share", "share_range"),
    "a day as an instant": ("subscriptions", {"started_on": "2026-01-01T00:00:00Z"}, "started_on",
                            "not_a_date"),
    "a day that is none": ("subscriptions", {"started_on": "2026-02-30"}, "started_on",
                           "not_a_date"),
    "a contract that pays": ("subscriptions", {"mrr_minor": -1}, "mrr_minor", "negative_mrr"),
    "a term that ends first": ("subscriptions", {"term_ends_on": "2025-01-01"}, "term_ends_on",
                               "end_before_start"),
    "a term below zero": ("subscriptions", {"term_months": -12}, "term_months", "negative_count"),
    "a deal below zero": ("opportunities", {"amount_minor": -1}, "amount_minor", "deal_amount"),
    "a deal closed first": ("opportunities", {"closed_at": "2026-01-01T00:00:00Z"}, "closed_at",
                            "closed_before_created"),
    "an attribute of both": ("attributes", {"number": 1}, "number", "one_value"),
    "an attribute of none": ("attributes", {"text": None}, "number", "one_value"),
    "a rate that is none": ("exchange_rates", {"rate": None}, "rate", "missing_value"),
}  # fmt: skip
# name: body, status
BODIES: dict[str, tuple[object, int]] = {
    "nothing": ({}, 422),
    "no rows": ({"rows": []}, 422),
    "rows that are none": ({"rows": "canary"}, 422),
    "a row that is none": ({"rows": ["canary"]}, 422),
    "a row in a list": ([GOOD["orders"]], 422),
    "rescore as text": ({"rows": [GOOD["orders"]], "rescore": "true"}, 422),
    "a column twice": ({"columns": ["order_id", "order_id"], "rows": [["c1", "c2"]]}, 422),
    "a column unknown": ({"columns": ["order_id", "canary"], "rows": [["c1", 1]]}, 422),
    "a short row": ({"columns": ["order_id", "kind"], "rows": [["c1"]]}, 422),
    "a long row": ({"columns": ["order_id"], "rows": [["c1", "c2"]]}, 422),
    "columns and objects": ({"columns": ["order_id"], "rows": [{"order_id": "c1"}]}, 422),
    "columns that are none": ({"columns": [1], "rows": [[1]]}, 422),
}
