"""A finished training run as people read it in a terminal."""

from __future__ import annotations

from typing import Any

from lifecycle.console import Console
from training.cards import tell_span
from training.train import TrainResult

MOST_SHOWN = 6
LESS_TOLD = ("average_precision", "brier")
SHORT = {
    "calibration_slope": "slope",
    "brier_skill": "skill",
    "within_term_auc": "auc in term",
    "mrr_caught": "mrr caught",
    "lift_10": "lift",
}


def show_result(console: Console, result: TrainResult) -> None:
    """Print the candidates, the gate's decision, and what a reader has to know."""
    card, gate = result.card, result.card["gate"]
    told = list(card["rivals"][0]["mean"]) if card["rivals"] else []
    measures = told if len(told) <= MOST_SHOWN else [name for name in told if name not in LESS_TOLD]
    money = {"mae", "rmse"} if result.spec.unit == "minor" else set()
    rows: list[list[object]] = []
    for rival in card["rivals"]:
        name = ("* " if rival["served"] else "  ") + rival["candidate"]
        cells = [
            _measure(rival, m, scale=100.0 if m in money else 1.0, spread=m == gate["measure"])
            for m in measures
        ]
        rows.append([name, *cells, f"{rival['bias_share']:+.1%}", f"{rival['miss_share']:.1%}"])
    title = f"{card['model']} {tell_span(card)} as of {result.as_of}"
    heads = [SHORT.get(name, name) if len(told) > MOST_SHOWN else name for name in measures]
    console.table(title, ["candidate", *heads, "bias", "total off"], rows)
    for name, reason in card["left_out"].items():
        console.say(f"left out: {name}: {reason}")
    console.say(f"gate: {gate['text']}; {gate['note']}")
    for note in _notes(card):
        console.say(note)
    if gate.get("frontier"):
        console.say(
            f"no candidate is better in both mae and bias than: {', '.join(gate['frontier'])}"
        )
    if gate.get("best_learned") not in (None, result.model.name):
        console.say(f"best fitted model, which loses: {gate['best_learned']}")
    if card["calibration"]["text"]:
        console.say(f"calibration: {card['calibration']['text']}")
    console.say(f"bundle {result.digest}  facts {card['data']['snapshot']}")


def _notes(card: dict[str, Any]) -> list[str]:
    few = card["gate"].get("few_events")
    told = [f"few events: {few}"] if few else []
    for one in card.get("alarm", ()):
        told.append(f"{'LEAK ALARM' if one['rings'] else 'note'}: {one['text']}")
    return told


def _measure(rival: dict[str, Any], name: str, *, scale: float, spread: bool) -> str:
    if name not in rival["mean"]:
        return ""
    text = f"{rival['mean'][name] / scale:.4g}"
    if spread and name in rival["se"]:  # of the deciding measure alone, so that a row fits
        text += f" ± {rival['se'][name] / scale:.2g}"
    return text
