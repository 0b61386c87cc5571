"""IBM win-loss (IBM-5F): a flat table of finished deals, without dates, through a mapping alone.

The file is ingested by its mapping; the product learns who wins in the end from the columns the
mapping declares known at creation, and is judged in five stratified folds (78,025 rows, each
numbered for itself: 196 numbers repeat). A random split is no product accuracy: it compares models.
With all columns the same model shows what hindsight is worth. The audit then ranks the columns of
unknown date by the held-out AUC lost without them, with no name in its code, twice: where the
mapping leaves only the hindsight columns unknown, and where nobody declared anything.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.model_selection import StratifiedKFold

from benchmarks.protocol import ROOT, Result, check_reproduced, data_dir
from features.deals.flat import Known
from lifecycle.history import open_history
from lifecycle.ingest import IngestOptions, ingest
from lifecycle.lake import Lake
from lifecycle.sources.mapping_file import load_mapping
from models import accuracy
from models.base import Examples, FloatArray
from models.deals.flat import FlatModel
from training.deals.audit import Suspect, audit_unknown
from training.deals.flat import read_flat

NAME = "ibm-win-loss"
NUMBER, RESULT = "Opportunity Number", "Opportunity Result"
ROWS, WON = 78_025, 17_627
FOLDS, SEED = 5, 0
ARRIVED, DAY = datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 2)
RIVALS = {"LightGBM": {"auc_without_hindsight": 0.8440, "auc_all": 0.9423}}


def read_deals(folder: Path) -> tuple[Examples, dict[str, Known]]:
    """Ingest the file as its mapping says; return every column, and when each was known."""
    sample = pq.read_table(data_dir() / "ibm_sales_win_loss" / "sales_win_loss.parquet")
    won = sample.column(RESULT).to_pylist().count("Won")
    check_reproduced("rows", sample.num_rows, ROWS, tolerance=0)
    check_reproduced("won", won, WON, tolerance=0)
    place = sample.column_names.index(NUMBER)
    numbered = sample.set_column(place, NUMBER, pa.array(range(10**6, 10**6 + ROWS)))
    file = folder / "deals.parquet"
    pq.write_table(numbered, file)
    mapping = load_mapping(ROOT / "examples" / "mappings" / "ibm_win_loss.toml")
    options = IngestOptions("USD", folder / "quarantine", ARRIVED)
    ingest(str(file), mapping, lake=Lake(folder / "lake"), options=options)
    history = open_history(folder / "lake", zone=ZoneInfo("UTC"))
    deals, known = read_flat(history.as_of(DAY), audit=True)
    check_reproduced("deals", len(deals.examples.label), ROWS, tolerance=0)
    return deals.examples, known


def score_out_of_fold(examples: Examples, columns: Sequence[str]) -> FloatArray:
    """Score each deal by a model of the other four folds."""
    chances = np.zeros(len(examples.label))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for learned, judged in folds.split(chances, examples.label):
        model = FlatModel(dict.fromkeys(columns, "created")).fit(examples.take(learned))
        chances[judged] = model.predict(examples.frame.take(judged))
    return chances


def tell(suspects: list[Suspect]) -> str:
    """Tell the suspects in their order, with the AUC each costs."""
    return ", ".join(f"{one.field.partition(':')[2]} {one.auc_lost:.3f}" for one in suspects)


def run() -> Result:
    """Judge the flat model with and without what only the end tells, and ask the audit."""
    with tempfile.TemporaryDirectory() as folder:
        examples, known = read_deals(Path(folder))
    early = [name for name, when in known.items() if when == "created"]
    late = [name for name, when in known.items() if when == "unknown"]
    honest = score_out_of_fold(examples, early)
    everything = score_out_of_fold(examples, [*early, *late])
    declared = [one for one in audit_unknown(examples, known) if one.suspect]
    blind = [one for one in audit_unknown(examples, dict.fromkeys(known, "unknown")) if one.suspect]
    figures = {
        "auc_without_hindsight": accuracy.auc(examples.label, honest),
        "auc_all": accuracy.auc(examples.label, everything),
        "average_precision": accuracy.average_precision(examples.label, honest),
        "log_loss": accuracy.log_loss(examples.label, honest),
        "hindsight_columns": float(len(late)),
        "suspects_among_them": float(sum(one.field in late for one in declared)),
        "suspects_of_all": float(len(blind)),
        "hindsight_among_all": float(sum(one.field in late for one in blind)),
    }
    note = (
        f"Random folds: not time-honest. Suspects where {len(early)} columns are declared: "
        f"{tell(declared)}. Where none is: {tell(blind)}."
    )
    return Result(figures=figures, rivals=RIVALS, n=len(examples.label), note=note)
