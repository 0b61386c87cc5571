"""From the gate's winner to what is served: calibration, by amount too, and how that did before.

Whatever is put around the winner is chosen on past quarters. To say how right the whole is, each
quarter is given the choice that the quarters before it would have made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from models.base import Examples, FloatArray, ScoreModel
from models.calibration import CalibratedLapse, Calibration, choose_calibration
from models.deals.amount import read_amounts
from models.deals.by_amount import ByAmount, Judged, choose_by_amount
from models.deals.win import NAME
from training.deals.replay import Candidate, DealEvaluation
from training.evaluate import Evaluation

Said = Mapping[date, FloatArray]


@dataclass(frozen=True)
class Around:
    """What is put around the winner, and why.

    Attributes
    ----------
    calibration, by_amount
        The maps, which may change nothing.
    told
        Both, as the card tells them.
    """

    calibration: Calibration
    by_amount: ByAmount
    told: dict[str, Any]


NOTHING = Around(Calibration("none"), ByAmount(), {"kind": "none", "text": ""})


def choose_around(found: Evaluation, name: str, days: Sequence[date]) -> Around:
    """Choose calibration and the move by amount on some past quarters.

    Parameters
    ----------
    found
        What candidates said of past quarters.
    name
        The winner.
    days
        First days of the quarters to choose on.
    """
    said = {day: found.predictions[name, day] for day in days}
    choice = choose_calibration(said, {day: found.actuals[day] for day in days})
    by_amount = choose_by_amount(
        {
            day: Judged(
                choice.calibration.apply(chance),
                found.actuals[day],
                read_amounts(found.judged[day].frame),
            )
            for day, chance in said.items()
        }
    )
    told = {
        "kind": choice.calibration.kind,
        "weights": list(choice.calibration.weights),
        "gain": choice.gain,
        "gain_se": choice.gain_se,
        "text": f"{choice.text}; {by_amount.text}",
        "by_amount": by_amount.by_amount.to_json(),
        "money_off": by_amount.money_off,
        "money_off_moved": by_amount.money_off_moved,
    }
    return Around(choice.calibration, by_amount.by_amount, told)


def serve_past(found: DealEvaluation, name: str) -> DealEvaluation:
    """Add what would have been served in each past quarter, under the model's own name.

    Parameters
    ----------
    found
        The replay.
    name
        The winner; around it stands what the quarters before would have chosen.
    """
    inner, days = found.found, found.found.origins
    served: dict[tuple[str, date], FloatArray] = {}
    for place, day in enumerate(days):
        around = choose_around(inner, name, days[:place]) if place else NOTHING
        chance = around.calibration.apply(inner.predictions[name, day])
        served[NAME, day] = around.by_amount.apply(chance, read_amounts(inner.judged[day].frame))
    return replace(found, found=replace(inner, predictions={**inner.predictions, **served}))


def fit_headline(candidate: Candidate, around: Around, learned: Examples) -> ScoreModel:
    """Fit the winner and put its calibration around it.

    Raises
    ------
    NotEnoughHistoryError
        Too little to learn from.
    """
    model = candidate().fit(learned)
    if around.calibration.kind == "none":
        return model
    return CalibratedLapse(model, around.calibration)
