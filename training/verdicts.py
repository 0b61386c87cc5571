"""The gate's decision in words."""

from __future__ import annotations

from training.trials import GateRule

NO_SIGNAL = "no usable signal: the base rate serves"


def describe_winner(winner: str, best: str, *, rule: GateRule, miss: float) -> str:
    """Say who serves, and why.

    Parameters
    ----------
    winner, best
        Who serves, and who has the lowest deciding measure.
    rule
        The model's rule.
    miss
        How far the winner's total is off on a typical origin (share).
    """
    if rule.must_beat and winner == rule.baseline:
        return NO_SIGNAL
    if winner != best:
        text = f"{winner} serves: {best} has the lower {rule.measure}, but not by more than one"
        text += " standard error"
    else:
        text = f"{winner} serves: lowest {rule.measure}"
    if rule.bias_bound is None:
        return text
    text += (
        f" of those with the rightest totals; its total is off by {miss:.0%} on a typical origin"
    )
    if miss <= rule.bias_bound:
        return text
    return f"{text}, over the {rule.bias_bound:.0%} wanted, and no other's is clearly nearer"


def compare_with_baseline(winner: str, rule: GateRule, *, beats: bool) -> str:
    """Say whether the winner is better than the baseline by more than chance."""
    margin = "by more than chance" if rule.must_beat else "by more than one standard error"
    if beats:
        return f"better than {rule.baseline} {margin}"
    if winner == rule.baseline:
        return f"nothing beats it {margin}"
    return f"not better than {rule.baseline} in {rule.measure} by one standard error"
