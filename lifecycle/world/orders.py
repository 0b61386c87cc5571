"""Customers without a contract: they buy as they go and one day no longer do, unseen.

Poisson purchasing with exponential lifetimes, both rates gamma-distributed over customers
(Schmittlein, Morrison and Colombo 1987), amounts gamma around a customer's own mean (Fader,
Hardie and Lee 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from lifecycle.world.canonical import Floats, Ints, build_rows, picked, tags

SHARE = 0.15
"""Customers without a contract per account with one."""
MINUTE = 1 / 1440
SEGMENTS = ("smb", "mid_market", "enterprise")
CHANNELS = ("web", "phone", "partner")
COUNTRIES = ("US", "GB", "DE", "FR", "CA")


@dataclass(frozen=True)
class Buyers:
    """Customers without a contract, shape (n,) each.

    Attributes
    ----------
    arrived
        First purchase (days since start).
    rate
        Purchases a day while alive.
    lifetime
        Days from first purchase to dropout.
    mean_minor
        Mean amount of a purchase.
    segment, country, channel
        Places in the code lists.
    """

    arrived: Floats
    rate: Floats
    lifetime: Floats
    mean_minor: Floats
    segment: Ints
    country: Ints
    channel: Ints


def draw_buyers(count: int, span_days: int, *, rng: np.random.Generator) -> Buyers:
    """Draw customers; half were there in the first quarter."""
    early, first = rng.random(count) < 0.5, min(90, span_days / 2)
    arrived = np.where(early, rng.uniform(0, first, count), rng.uniform(0, 0.9 * span_days, count))
    return Buyers(
        arrived + rng.uniform(8, 18, count) / 24,
        rng.gamma(1.3, 1 / (1.3 * 30), count),
        rng.exponential(1, count) / np.maximum(rng.gamma(1.1, 1 / (1.1 * 420), count), 1e-5),
        np.exp(rng.normal(np.log(30_000), 0.8, count)),
        rng.choice(3, count, p=(0.75, 0.2, 0.05)),
        rng.choice(5, count, p=(0.45, 0.2, 0.15, 0.1, 0.1)),
        rng.choice(3, count, p=(0.7, 0.2, 0.1)),
    )


def build_orders(
    start: date, span_days: int, *, accounts: int, rng: np.random.Generator
) -> dict[str, pa.Table]:
    """Return accounts and orders of the customers without a contract.

    Parameters
    ----------
    start
        First day of the world.
    span_days
        Its length.
    accounts
        Contractual accounts aimed at.
    """
    buyers = draw_buyers(max(2, round(SHARE * accounts)), span_days, rng=rng)
    alive = np.minimum(buyers.lifetime, span_days - buyers.arrived)
    count = rng.poisson(buyers.rate * alive)
    buyer = np.concatenate([np.arange(len(count)), np.repeat(np.arange(len(count)), count)])
    later = np.arange(len(buyer)) >= len(count)
    ordered = buyers.arrived[buyer] + np.where(later, rng.random(len(buyer)) * alive[buyer], 0)
    amount = np.rint(rng.gamma(4, 1 / 4, len(buyer)) * buyers.mean_minor[buyer]) + 1
    return {
        "accounts": _accounts(start, buyers),
        "orders": _orders(
            start, buyers, sale=(buyer, ordered, amount), span_days=span_days, rng=rng
        ),
    }


def _accounts(start: date, buyers: Buyers) -> pa.Table:
    number = np.arange(len(buyers.arrived)) + 1
    created = buyers.arrived - 5 * MINUTE
    return build_rows(
        "accounts",
        start,
        {
            "account_id": tags("p", number, width=6),
            "name": tags("Walk-in customer ", number),
            "segment": picked(SEGMENTS, buyers.segment),
            "country": picked(COUNTRIES, buyers.country),
            "created_at": created,
            "known_at": created,
        },
    )


def _orders(
    start: date,
    buyers: Buyers,
    *,
    sale: tuple[Ints, Floats, Floats],
    span_days: int,
    rng: np.random.Generator,
) -> pa.Table:
    """Return sales, and the goods that came back, in order of time."""
    back = sale[1] + rng.uniform(3, 40, len(sale[0]))
    returned = (rng.random(len(sale[0])) < 0.03) & (back < span_days)
    part = -np.rint(sale[2] * rng.uniform(0.2, 1.0, len(sale[0])))
    buyer = np.concatenate([sale[0], sale[0][returned]])
    ordered = np.concatenate([sale[1], back[returned]])
    amount = np.concatenate([sale[2], part[returned]])
    order = np.lexsort((buyer, ordered))
    buyer, ordered, amount = buyer[order], ordered[order], amount[order]
    lines = 1 + rng.poisson(1.5, len(buyer))
    return build_rows(
        "orders",
        start,
        {
            "order_id": tags("po", np.arange(len(buyer)) + 1),
            "account_id": tags("p", buyer + 1, width=6),
            "ordered_at": ordered,
            "kind": picked(("sale", "credit"), (amount < 0).astype(int)),
            "amount_minor": amount,
            "currency": "USD",
            "units_count": np.where(amount < 0, -1.0, 1.0) * (lines + rng.poisson(2, len(buyer))),
            "lines_count": lines,
            "products_count": np.minimum(lines, 1 + rng.poisson(1, len(buyer))),
            "segment": picked(SEGMENTS, buyers.segment[buyer]),
            "country": picked(COUNTRIES, buyers.country[buyer]),
            "channel": picked(CHANNELS, buyers.channel[buyer]),
            "known_at": ordered + rng.uniform(5, 90, len(buyer)) * MINUTE,
        },
    )
