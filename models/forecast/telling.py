"""A concluded forecast as plain values: what the ledger keeps of it, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from models.forecast.conclude import Concluded
from models.forecast.grid import MEDIAN, interval
from models.forecast.nodes import TOTAL

SCALES = "scales"
"""Key of the notes under which it stands how far widths were stretched, by leg and level."""


def tell_forecast(concluded: Concluded) -> dict[str, Any]:
    """Return target, period, origin, week, served_leg, verdict, weights, notes and versions."""
    raw = concluded.raw
    return {
        "target": raw.target,
        "period": str(raw.quarter),
        "origin": raw.origin,
        "week": raw.week,
        "served_leg": concluded.served,
        "verdict": concluded.verdict,
        "weights": dict(concluded.weights[TOTAL]),
        "notes": {**raw.notes, SCALES: {leg: dict(one) for leg, one in concluded.scales.items()}},
        "model_version": raw.model_version,
        "judged_quarters": concluded.judged_quarters,
    }


def tell_rows(concluded: Concluded) -> Iterator[dict[str, Any]]:
    """Yield node, leg, mean_minor, grid_minor, served, to_date_minor and parts, minor units.

    A leg that says nothing of a node has no row there.
    """
    raw = concluded.raw
    for name, leg in concluded.legs.items():
        served = name == concluded.served
        for row, node in enumerate(raw.nodes):
            if not np.isfinite(leg.mean_minor[row]):
                continue
            parts = {key: float(part[row]) for key, part in concluded.parts.items()}
            yield {
                "node": node,
                "leg": name,
                "mean_minor": float(leg.mean_minor[row]),
                "grid_minor": leg.grid_minor[row].tolist(),
                "served": served,
                "to_date_minor": float(raw.to_date_minor[row]),
                "parts": parts if served else None,
            }


def tell_total(concluded: Concluded) -> dict[str, Any]:
    """Return what is served for the total in a few numbers, minor units."""
    raw, leg = concluded.raw, concluded.legs[concluded.served]
    low, high = interval(leg.grid_minor[0], 0.8)
    return {
        "target": raw.target,
        "period": str(raw.quarter),
        "week": raw.week,
        "leg": concluded.served,
        "p10_minor": round(float(low)),
        "p50_minor": round(float(leg.grid_minor[0, MEDIAN])),
        "p90_minor": round(float(high)),
        "mean_minor": round(float(leg.mean_minor[0])),
        "to_date_minor": round(float(raw.to_date_minor[0])),
        "verdict": concluded.verdict,
    }
