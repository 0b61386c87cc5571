"""An issued score once more: from the feature rows and the release that it came from.

The whole route of the run is scored again, as the refresh did: only among the same rows are rank,
band and reasons, and the last bit of a sum, the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ledger.engine import Ledger
from ledger.feature_rows import read_layout_rows, read_layouts
from lifecycle.errors import ModelNotFoundError
from models.columns import to_texts
from models.loading import load_model
from models.scoring import score
from models.serving.rows import digest_rows, unpack_rows
from service.scoring.issued import Wanted, find_issued


def replay_score(ledger: Ledger, bundles_dir: Path, wanted: Wanted) -> dict[str, Any]:
    """Compute an issued score again and compare.

    Returns
    -------
    dict
        ``issued`` and ``replayed`` (value, rank, band, reasons), whether they are the ``same`` and
        the feature row is still the one of its digest, and the ``model_version``,
        ``input_digest``, ``horizon_days`` and ``run_id`` behind them.

    Raises
    ------
    ModelNotFoundError
        The run did not score that unit by that model, or kept no feature rows.
    BundleError
        The release's bundle is missing or is not the one that spoke.
    """
    issued, release = find_issued(ledger, wanted)
    unit_id, run_id = wanted.unit_id, wanted.run_id
    layout = next((one for one in read_layouts(ledger, run_id) if one.route == release.route), None)
    rows = [] if layout is None else read_layout_rows(ledger, layout.layout_id)
    names = [row.unit_id for row in rows]
    if layout is None or unit_id not in names:
        raise ModelNotFoundError("no feature row behind that score", "one of a run that kept them")
    kinds = dict(zip(layout.names, layout.kinds, strict=True))
    frame = unpack_rows(kinds, [row.values for row in rows])
    place = names.index(unit_id)
    intact = digest_rows(frame.take([place])) == [rows[place].digest]
    frame = frame.with_columns({"account_id": to_texts(names)})
    spoken = load_model(bundles_dir, release.digest)
    table = score(spoken, frame, horizon_days=release.horizon_days)
    found = table.slice(place, 1).to_pylist()[0]
    value = float(round(found["value"])) if spoken.unit == "minor" else found["value"]
    again = {"value": value, "rank": found["rank"], "band": found["band"]}
    again["reasons"] = json.loads(found["reasons"])
    return {
        "model": wanted.model,
        "id": unit_id,
        "run_id": run_id,
        "horizon_days": release.horizon_days,
        "model_version": release.version,
        "input_digest": rows[place].digest,
        "issued": issued,
        "replayed": again,
        "same": intact and issued == again,
    }
