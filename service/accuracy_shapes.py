"""The shapes of how right legs were, for the record beside a forecast and for ``/v1/accuracy``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from ledger.accuracy import AccuracyRow
from ledger.target_hits import HitRecord
from service.shapes import ApiModel


class Accuracy(ApiModel):
    """How right a leg was at a node; read every share beside its n.

    F is the P50, A the actual. Weeks of one quarter are not independent: ``periods_count`` is the
    honest sample size.
    """

    leg: str = Field(examples=["combined"])
    node: str = Field(examples=["total"])
    week: int | None = Field(
        description="Week of the quarter, 0-based, negative before it; null = all weeks from 0 on"
    )
    n: int = Field(ge=1, description="Judged forecasts")
    periods_count: int = Field(ge=1, description="Distinct quarters: the honest sample size")
    whole_count: int = Field(
        ge=0, description="Of n, whose quantiles were kept: n of wql, crps_share, PIT, 50 and 95 %"
    )
    scaled_count: int = Field(ge=0, description="Of n, with a year before: n of mase and rmsse")
    wape: float | None = Field(description="sum |F - A| / sum |A|; look at this first")
    bias_share: float | None = Field(description="sum (F - A) / |sum A|; above 0: too high")
    mase: float | None = Field(
        description="Mean |F - A| over the mean change from a year before, earlier quarters'"
    )
    rmsse: float | None = Field(description="The same with squares")
    wql: float | None = Field(description="2 sum of pinball / sum |A| over the deciles")
    crps_share: float | None = Field(description="sum CRPS / sum |A|")
    coverage50: float | None = Field(description="Share of actuals in the 50 % interval")
    coverage80: float = Field(ge=0, le=1, description="In P10-P90; shown, not promised")
    coverage95: float | None = Field(description="In the 95 % interval")
    width80_minor: float = Field(description="Mean of P90 - P10, minor units")
    score80_minor: float = Field(description="Mean 80 % interval score, lower is better")
    pit_counts: list[int] = Field(
        description="How many actuals fell into each tenth of what was said; level is right"
    )
    stability: float | None = Field(
        description="sum |F - F a week before| / sum |A|: how much it moved from week to week"
    )
    formulas: dict[str, float | None] = Field(
        description=(
            "Accuracies in use elsewhere, each a mean by its name: truecast max(0, 1 - |F - A| / "
            "A), attainment F / A, one_minus_over_forecast 1 - |F - A| / F"
        ),
        examples=[{"truecast": 0.91, "attainment": 1.04, "one_minus_over_forecast": 0.9}],
    )


class QuarterAnswer(ApiModel):
    """One quarter of a comparison: summed absolute errors over the origins both spoke at."""

    period: str = Field(examples=["2011Q4"])
    n: int = Field(ge=1, description="Origins")
    error_minor: float
    rival_error_minor: float


class DuelAnswer(ApiModel):
    """A leg against a plainer one, on the origins where both spoke and on no other."""

    leg: str = Field(examples=["served"])
    rival: str = Field(examples=["conversion"])
    n: int = Field(ge=1, description="Origins at which both spoke")
    won: int = Field(description="Quarters in which the leg was nearer")
    lost: int = Field(description="Quarters in which the rival was")
    tied: int = Field(description="Quarters in which both were as near: those of the same answer")
    wape: float | None
    rival_wape: float | None
    wape_ratio: float | None = Field(description="Below 1: the leg was nearer over all")
    quarters: list[QuarterAnswer] = Field(description="The sums behind it, quarter by quarter")


class ChanceBin(ApiModel):
    """Chances of about the same size: what was said beside how often the target was reached."""

    chance_from: float = Field(examples=[0.6])
    chance_to: float = Field(examples=[0.8])
    n: int = Field(ge=1)
    targets_count: int = Field(ge=1, description="Distinct targets: the honest sample size")
    mean_chance: float
    hit_rate: float
    hit_rate_low: float = Field(description="95 % Wilson interval over distinct targets")
    hit_rate_high: float


class HitAnswer(ApiModel):
    """How right the chances to reach targets were."""

    n: int = Field(ge=1, description="Chances of quarters that have ended")
    targets_count: int = Field(ge=1, description="Distinct targets: the honest sample size")
    hits_count: int = Field(ge=0, description="Chances whose target was reached")
    mean_chance: float = Field(description="What was said on average", examples=[0.55])
    hit_rate: float = Field(description="What happened", examples=[0.5])
    brier: float = Field(description="Mean squared error of the chance; lower is better")
    brier_base: float = Field(description="The same for the hit rate said of each")
    brier_skill: float | None = Field(description="1 - brier / brier_base; above 0 beats it")
    bins: list[ChanceBin] = Field(description="Reliability table")


def describe_hits(found: HitRecord | None) -> dict[str, Any] | None:
    """Return the fields of `HitAnswer`; ``None`` before a target's quarter has ended."""
    if found is None:
        return None
    bins = [
        {
            "chance_from": one.low,
            "chance_to": one.high,
            "n": one.n,
            "targets_count": one.units_count,
            "mean_chance": one.mean_said,
            "hit_rate": one.share_seen,
            "hit_rate_low": one.seen_low,
            "hit_rate_high": one.seen_high,
        }
        for one in found.bins
    ]
    return {**vars(found), "bins": bins}


def describe_accuracy(row: AccuracyRow) -> dict[str, Any]:
    """Return the fields of `Accuracy`."""
    told = {name: getattr(row, name) for name in Accuracy.model_fields}
    return {**told, "formulas": dict(row.formulas), "pit_counts": list(row.pit_counts)}


def flatten_accuracy(row: AccuracyRow) -> dict[str, Any]:
    """Return a row as one line of a file: a column for each formula and each tenth of the PIT."""
    told = describe_accuracy(row)
    formulas, counts = told.pop("formulas"), told.pop("pit_counts")
    tenths = {f"pit_{place + 1}": count for place, count in enumerate(counts)}
    return {**told, **formulas, **tenths}


def write_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of equal keys as CSV with a header; nothing for no rows.

    Every text among them begins with a letter of ours, so no spreadsheet takes one for a formula.
    """
    if not rows:
        return ""
    held = io.StringIO()
    writer = csv.DictWriter(held, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return held.getvalue()
