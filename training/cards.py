"""The model card: what a model says, from which facts, how right it was, and where it ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from lifecycle.errors import GateError
from lifecycle.snapshot import Snapshot
from models.base import Examples, Route, ScoreModel
from models.contract.events import count_events, read_days, read_outcomes
from training.contract_slices import label_leave
from training.datasets import TrainingSet
from training.gate import Standing, Verdict
from training.own_fields import own_field_lines
from training.specs import Spec
from training.splits import GatePlan

FEWEST_LEAVES = 30
SOURCES: Mapping[Route, tuple[str, ...]] = {
    "non_contractual": ("orders",),
    "contractual": ("subscriptions", "subscription_changes"),
    "deals": ("opportunities", "opportunity_changes"),
}
"""The facts whose knowledge times a card tells."""
_CONTACT = re.compile(rb"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}")


def describe_facts(known: Snapshot, learned: TrainingSet, route: Route) -> dict[str, Any]:
    """Describe what a model of a route learned from.

    Returns
    -------
    dict
        JSON values: the day, the version of the facts, how their ``known_at`` came about (shares),
        the number of slices, rows and accounts, and the mean label.
    """
    examples = learned.examples
    described: dict[str, Any] = {
        "as_of": learned.known_on.isoformat(),
        "snapshot": known.version,
        "known_source_shares": _source_shares(known, SOURCES[route]),
        "slices": len(learned.days),
        "first_slice": learned.days[0].isoformat(),
        "last_slice": learned.days[-1].isoformat(),
        "rows": examples.frame.num_rows,
        "accounts": learned.account_count,
        "mean_label": float(np.mean(examples.label)),
        "training_digest": learned.digest,
        "horizon_days": examples.horizon_days,
    }
    if examples.outcomes is not None:
        described |= {"label_days": examples.horizon_days, "events": count_leaves(examples)}
    return described


def count_leaves(examples: Examples) -> float:
    """Count the decisions to leave within the label windows, each once."""
    left = label_leave(read_days(read_outcomes(examples), "decided_days"),
                       horizon_days=examples.horizon_days)  # fmt: skip
    return count_events(replace(examples, label=left))


def build_card(
    spec: Spec,
    model: ScoreModel,
    *,
    facts: Mapping[str, Any],
    plan: GatePlan,
    verdict: Verdict | None,
) -> dict[str, Any]:
    """Build the card of a fitted model.

    Parameters
    ----------
    spec
        What was trained.
    model
        The fitted model that serves.
    facts
        As ``describe_facts`` returns them.
    plan
        Where candidates were judged.
    verdict
        The gate's decision; ``None`` without past origins.

    Returns
    -------
    dict
        JSON values, all numbers finite; nothing in it changes between runs on equal facts.
    """
    return {
        "model": spec.name,
        "route": spec.route,
        "unit": spec.unit,
        "meaning": spec.meaning,
        "per": spec.per,
        "population": spec.population,
        "candidate": model.name,
        "horizon_days": facts["horizon_days"],
        "data": dict(facts),
        "gate": _describe_gate(plan, verdict) | _describe_events(facts),
        "rivals": [_rival(one, model.name) for one in verdict.standings] if verdict else [],
        "features": _families(spec),
        "limits": list(spec.limits),
    }


def render_card(card: Mapping[str, Any]) -> str:
    """Render a card as Markdown for people."""
    data, gate = card["data"], card["gate"]
    shares = ", ".join(f"{name} {share:.0%}" for name, share in data["known_source_shares"].items())
    lines = [
        f"# {card['model']} {tell_span(card)}: {card['candidate']}",
        "",
        f"Says: {card['meaning']}. Unit: {card['unit']}. Population: {card['population']}.",
        "",
        f"Facts as of {data['as_of']} (knowledge times: {shares}); {data['slices']} past days from"
        f" {data['first_slice']} to {data['last_slice']}, {data['rows']:,} rows of"
        f" {data['accounts']:,} accounts; mean label {data['mean_label']:.4g}.",
        "",
        f"Gate: {gate['text']}. {gate['note'].capitalize()}.",
        *([f"Few events: {gate['few_events']}."] if "few_events" in gate else []),
        *_alarm_lines(card.get("alarm", ())),
        f"Calibration: {card.get('calibration', {}).get('text') or 'none'}.",
        "",
        *_rivals_table(card["rivals"]),
        "",
        "Limits:",
        *(f"- {limit}" for limit in card["limits"]),
        "",
        *own_field_lines(card.get("own_fields", ())),
        "Features: "
        + "; ".join(f"{family}: {', '.join(names)}" for family, names in card["features"].items()),
        "",
        f"Training set {data['training_digest']}; bundle {card.get('bundle_digest', '-')}.",
    ]
    return "\n".join(lines) + "\n"


def tell_span(card: Mapping[str, Any]) -> str:
    """Say how far ahead a model looks: so many days, or what its card calls it.

    Examples
    --------
    >>> tell_span({"horizon_days": 90}), tell_span({"horizon_days": 0, "span": "in the quarter"})
    ('over 90 days', 'in the quarter')
    """
    return str(card.get("span") or f"over {card['horizon_days']} days")


def check_no_contacts(parts: Mapping[str, bytes]) -> None:
    """Refuse a model that carries what looks like an e-mail address.

    Raises
    ------
    GateError
        Names the part, never the address.
    """
    for name, content in parts.items():
        if _CONTACT.search(content):
            raise GateError(
                f"{name} of the model holds what looks like an e-mail address",
                "no contact data in a model",
                "remove contact data from segment and country of the accounts, then train again",
            )


def _source_shares(known: Snapshot, tables: Sequence[str]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for name in tables:
        rows = known.table(name)
        counted = known.collect(rows.group_by("known_source").aggregate(n=rows.count()))
        counts.update({str(row["known_source"]): int(row["n"]) for row in counted.to_pylist()})
    total = max(counts.total(), 1)
    return {name: counts[name] / total for name in sorted(counts)}


def _describe_gate(plan: GatePlan, verdict: Verdict | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "horizon_days": plan.horizon_days,
        "origins": [day.isoformat() for day in plan.origins],
        "note": plan.note,
        "text": "not judged: the simplest candidate serves",
    }
    if verdict is not None:
        described |= {
            "text": verdict.text,
            "measure": verdict.measure,
            "tied": list(verdict.tied),
            "best_learned": verdict.best_learned,
            "beats_baseline": verdict.beats_baseline,
            "frontier": list(verdict.frontier),
        }
    return described


def _describe_events(facts: Mapping[str, Any]) -> dict[str, Any]:
    events = facts.get("events")
    if events is None or events >= FEWEST_LEAVES:
        return {}
    few = f"only {events:.0f} decisions to leave, fewer than {FEWEST_LEAVES}: tables serve"
    return {"few_events": few}


def _rival(standing: Standing, served: str) -> dict[str, Any]:
    return {**asdict(standing), "served": standing.candidate == served}


def _families(spec: Spec) -> dict[str, list[str]]:
    families: dict[str, list[str]] = {}
    for column in spec.columns:
        families.setdefault(column.family, []).append(column.name)
    return families


def _rivals_table(rivals: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rivals:
        return []
    measures = list(rivals[0]["mean"])
    lines = [
        f"| candidate | {' | '.join(measures)} | bias | typical miss of the total |",
        f"|---|{'---|' * (len(measures) + 2)}",
    ]
    for rival in rivals:
        cells = [_figure(rival["mean"].get(name), rival["se"].get(name)) for name in measures]
        label = f"**{rival['candidate']}**" if rival["served"] else rival["candidate"]
        total = f"{rival['bias_share']:+.1%} | {rival['miss_share']:.1%}"
        lines.append(f"| {label} | {' | '.join(cells)} | {total} |")
    return lines


def _alarm_lines(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{'ALARM' if one['rings'] else 'Note'}: {one['text']}." for one in findings]


def _figure(mean: float | None, se: float | None) -> str:
    if mean is None:
        return "–"
    large = abs(mean) >= 1000
    text = f"{mean:,.0f}" if large else f"{mean:.4g}"
    if se is None:
        return text
    return f"{text} ± {se:,.0f}" if large else f"{text} ± {se:.2g}"
