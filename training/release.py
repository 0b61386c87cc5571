"""What becomes of a trained model: shown, released, and champion unless somebody should look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ledger.audit import Actor
from ledger.engine import Ledger, open_ledger
from ledger.job_effects import find_asker
from ledger.releases import Release, read_champions, write_release
from lifecycle.console import Console
from lifecycle.operator import name_operator
from models.registry import set_alias
from training.alarm import check_alarm
from training.deals.spec import CARD_KEYS
from training.departure import find_departure
from training.showing import show_result
from training.train import TrainResult, registered_name, served_metrics


@dataclass(frozen=True)
class Publisher:
    """Releases what was trained.

    Attributes
    ----------
    console
        Where it is shown.
    ledger_address, bundles_dir, mlflow_address
        Where releases, bundles and the record of training are.
    """

    console: Console
    ledger_address: str
    bundles_dir: Path
    mlflow_address: str

    def publish(
        self, result: TrainResult, *, accepted: bool, frame: pa.Table | None = None
    ) -> dict[str, Any]:
        """Release a trained model and show it; return what a machine reads of it.

        Parameters
        ----------
        accepted
            A person has looked at a ringing alarm.
        frame
            The rows of the day it was trained on, on which it is held against the champion;
            ``None``: it is not.

        Raises
        ------
        RefusedError
            The leak alarm rings, and nobody accepted it.
        """
        check_alarm(result.card.get("alarm", ()), accepted=accepted)
        release, ledger = _describe(result), open_ledger(self.ledger_address)
        kept_back = self._why_kept_back(result, _sitting(ledger, release), frame)
        reason = result.card["gate"]["text"] if kept_back is None else kept_back
        by = find_asker(ledger, Actor(name_operator()))
        release_id = write_release(ledger, release, promote=kept_back is None, reason=reason, by=by)
        ledger.close()
        if result.run is not None:
            alias = "champion" if kept_back is None else "challenger"
            name, version = registered_name(result.card), result.run.version
            set_alias(self.mlflow_address, name, alias=alias, version=version)
        show_result(self.console, result)
        if kept_back is not None:
            self.console.say(f"kept beside the champion: {kept_back}")
        return _document(result, release_id) | {"kept_back": kept_back}

    def _why_kept_back(
        self, result: TrainResult, sitting: list[Release], frame: pa.Table | None
    ) -> str | None:
        """Return why the champion goes on speaking; ``None``: the new model takes its place."""
        # a model of an earlier day is kept for questions about that day; it unseats no later one
        later = [one for one in sitting if one.as_of > result.as_of]
        if later:
            return f"the champion is of a later day, {later[0].as_of}"
        if not sitting or frame is None:
            return None
        departure = find_departure(
            result.model,
            sitting[0],
            frame,
            horizon_days=result.horizon_days,
            bundles_dir=self.bundles_dir,
        )
        why = None if departure is None else departure.why_far()
        return why and f"{why}; look at the facts, then `truecast promote` it if it is right"


def _describe(result: TrainResult) -> Release:
    spec, card = result.spec, result.card
    return Release(
        model=spec.name,
        horizon_days=result.horizon_days,
        route=spec.route,
        candidate=result.model.name,
        version=f"{spec.name}-{result.horizon_days}-{result.as_of:%Y%m%d}-{result.digest[:8]}",
        digest=result.digest,
        as_of=result.as_of,
        created_at=datetime.now(UTC),
        metrics=served_metrics(card),
        card=card,
        mlflow_run_id=result.run.run_id if result.run else None,
    )


def _sitting(ledger: Ledger, release: Release) -> list[Release]:
    key = (release.model, release.route, release.horizon_days)
    return [
        one for one in read_champions(ledger) if (one.model, one.route, one.horizon_days) == key
    ]


def _document(result: TrainResult, release_id: int) -> dict[str, Any]:
    card = result.card
    return {
        "model": result.spec.name,
        "route": result.spec.route,
        "unit": result.spec.per,
        "horizon_days": result.horizon_days,
        "as_of": result.as_of.isoformat(),
        "candidate": result.model.name,
        "release_id": release_id,
        "digest": result.digest,
        "snapshot": card["data"]["snapshot"],
        "training_digest": card["data"]["training_digest"],
        "gate": card["gate"],
        "rivals": card["rivals"],
        "left_out": card["left_out"],
        "calibration": card["calibration"],
        "alarm": card.get("alarm", []),
        "events": card["data"].get("events"),
        **{name: card[name] for name in CARD_KEYS if name in card},
    }
