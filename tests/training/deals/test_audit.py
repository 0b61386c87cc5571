"""Which columns of unknown date are suspects: by simulation, where the truth is known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.deals.flat import Known
from models.base import Examples, FloatArray
from training.deals.audit import Suspect, audit_unknown

NOISE = ("number:draw", "number:count", "text:colour")


def build_deals(
    seed: int, rows: int, *, leak: float = 0.0, copies: int = 0
) -> tuple[Examples, dict[str, Known]]:
    """Deals won by two honest fields; unknown ones: noise, and copies of a number won deals raise.

    ``leak`` is by how many of its standard deviations the number is higher for won deals.
    """
    rng = np.random.default_rng([seed, rows])
    size, other, told = rng.normal(size=(3, rows))
    chance = 1 / (1 + np.exp(1.2 - 0.8 * size - 0.4 * size * (other > 0)))
    won: FloatArray = (rng.random(rows) < chance).astype(np.float64)
    honest = {"number:size": pa.array(size), "number:other": pa.array(other)}
    unknown = {
        "number:draw": pa.array(rng.normal(size=rows)),
        "number:count": pa.array(rng.poisson(2, rows).astype(np.float64)),
        "text:colour": pa.array([f"colour {one}" for one in rng.integers(0, 40, rows)]),
        **{f"number:told{copy}": pa.array(told + leak * won) for copy in range(copies)},
    }
    keys = {
        "account_id": pa.nulls(rows, pa.string()),
        "opportunity_id": pa.array([f"d{one}" for one in range(rows)]),
    }
    frame, day = pa.table(keys | honest | unknown), np.zeros(rows, dtype="datetime64[D]")
    known: dict[str, Known] = {**dict.fromkeys(honest, "created")}
    known |= dict.fromkeys(unknown, "unknown")
    return Examples(frame, won, day, 0, frame), known


def name_suspects(found: list[Suspect]) -> list[str]:
    return sorted(one.field for one in found if one.suspect)


def test_at_most_one_audit_in_twenty_suspects_columns_that_say_nothing() -> None:
    named = [name_suspects(audit_unknown(*build_deals(seed, 800))) for seed in range(20)]
    assert sum(bool(one) for one in named) <= 1


def test_a_weak_leak_is_found_and_nothing_else() -> None:
    for seed in range(4):
        found = audit_unknown(*build_deals(seed, 8_000, leak=0.4, copies=1))
        assert name_suspects(found) == ["number:told0"]
        assert (found[0].field, found[0].auc_lost < 0.03) == ("number:told0", True)


def test_columns_that_cover_for_one_another_are_both_suspects() -> None:
    found = audit_unknown(*build_deals(7, 2_000, leak=1.0, copies=2))
    assert name_suspects(found) == ["number:told0", "number:told1"]
    assert min(one.auc_lost for one in found if one.suspect) < 0.005


def test_with_more_rows_a_leak_is_told_more_surely() -> None:
    def errors(rows: int) -> float:
        return audit_unknown(*build_deals(3, rows, leak=0.4, copies=1))[0].auc_lost_se

    assert errors(8_000) < 0.7 * errors(2_000)


def test_too_few_deals_of_a_kind_are_not_audited() -> None:
    examples, known = build_deals(1, 200, leak=2.0, copies=1)
    assert audit_unknown(examples, known) == []
