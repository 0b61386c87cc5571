"""The classes a bundle may name, and the only way from such a name to code."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from lifecycle.errors import BundleError

# a bundle names a class; only these are ever looked up
MODEL_CLASSES: Mapping[str, str] = {
    "BaseRate": "models.baselines",
    "RunRate": "models.baselines",
    "CalibratedLapse": "models.calibration",
    "CombinedValue": "models.clv.combined",
    "HurdleValue": "models.clv.rivals",
    "TweedieValue": "models.clv.rivals",
    "LapseModel": "models.churn",
    "ParametricLapse": "models.clv.parametric",
    "ParametricValue": "models.clv.parametric",
    "ContractTable": "models.contract.tables",
    "HealthScore": "models.contract.health_score",
    "ContractModel": "models.contract.headline",
    "ContractRisk": "models.contract.risk",
    "ContractRule": "models.clv.contract.rivals",
    "ContractValue": "models.clv.contract.value",
    "DealModel": "models.deals.win",
    "DealTable": "models.deals.tables",
    "DealRule": "models.deals.rivals",
    "LastState": "models.deals.rivals",
    "DirectModel": "models.deals.direct",
    "FlatModel": "models.deals.flat",
}


def load_class(name: str) -> Any:
    """Return the model class of that name.

    Raises
    ------
    BundleError
        This version knows no such class.
    """
    if name not in MODEL_CLASSES:
        raise BundleError(
            f"a bundle of class {name[:60]!r}",
            f"one of {', '.join(sorted(MODEL_CLASSES))}",
            "use the version of Truecast that trained it, or train again",
        )
    return getattr(importlib.import_module(MODEL_CLASSES[name]), name)
