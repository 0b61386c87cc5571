"""BPIC 2012: does a loan application's last offer end accepted, cancelled or declined?

An event log, one score after each of a case's first 40 events, AUC over all prefixes of the last
fifth of the cases. *Strict* learns from all earlier cases, their events cut at the split, with
outcomes the log tells only later; *discard* learns only from cases that had ended by then, as a
product would. A prefix is encoded by ``features.deals.prefixes``; a chance is the house's trees
(and, where it helps, its logistic) of one outcome against the rest, shared out so that the three
add up to one. What serves is chosen inside the training part: three earlier splits, each with a
follow-up as long as the test's. Late prefixes may hold the deciding event: see the AUC by length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.protocol import Result, check_reproduced, data_dir
from features.deals.event_log import read_event_log
from features.deals.prefixes import build_prefixes
from models import accuracy
from models.logistic import Logistic
from models.trees import Growth, Trees

NAME = "bpic2012"
ZONE = ZoneInfo("Europe/Amsterdam")
LONGEST = 40
TASKS = ("accepted", "cancelled", "declined")
CLOSING = ("A_DECLINED", "A_CANCELLED", "A_APPROVED", "A_REGISTERED", "A_ACTIVATED")
TRAIN_CASES, OVERLAPPING = 3_748, 675
REGIMES = ("strict", "discard")
BACK_DAYS, FOLLOWED_DAYS = (47, 57, 67), 47
LENGTHS = (1, 5, 10, 15, 20, 30, 40)
EVERY, EVERY_LOGISTIC = 3, 12
RIDGE = 2_000.0
SETTINGS: dict[str, tuple[Growth, float]] = {
    "8 leaves": (Growth("binary", 200, 0.03, 8, 20, {"feature_fraction": 0.2, "max_bin": 63}), 0.0),
    "16 leaves": (
        Growth("binary", 150, 0.03, 16, 30, {"feature_fraction": 0.2, "max_bin": 63}),
        0.0,
    ),
    "blend": (
        Growth("binary", 150, 0.03, 16, 30, {"feature_fraction": 0.2, "max_bin": 63}),
        0.25,
    ),
}
"""How trees grow, and the logistic's share in the mean of log-odds."""
RIVALS = {
    "LightGBM, last + aggregates": ((0.7163, 0.7242, 0.5895), (0.7040, 0.7152, 0.5969)),
    "XGBoost, aggregation": ((0.7134, 0.7287, 0.6065), (0.7065, 0.7261, 0.5944)),
    "XGBoost, last state": ((0.6971, 0.7263, 0.5845), (0.6910, 0.7277, 0.5956)),
}
Rows = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prefixes:
    """All prefixes of the cases that have an outcome.

    ``matrix`` has shape (n, f); ``at`` is the instant of each prefix, ``begin`` and ``end`` those
    of its case (seconds), ``outcome`` the place of its case's outcome in ``TASKS``.
    """

    matrix: Floats
    length: Floats
    at: Floats
    begin: Floats
    end: Floats
    outcome: NDArray[np.intp]
    split: float


def read_prefixes() -> Prefixes:
    """Read the log, encode it, and check the protocol's counts."""
    folder = data_dir() / "bpic2012"
    log = read_event_log(pq.read_table(folder / "bpic2012_events.parquet"), zone=ZONE)
    asked = pq.read_table(folder / "bpic2012_cases.parquet")
    amounts = [float(text) for text in asked["AMOUNT_REQ"].to_pylist()]
    names = np.array(log.activities)[log.activity]
    offers = np.flatnonzero(np.char.startswith(names, "O_"))
    last = offers[np.flatnonzero(np.diff(log.case[offers], append=-1))]
    found = {f"O_{task.upper()}-COMPLETE": place for place, task in enumerate(TASKS)}
    outcome = {log.case[row]: found[names[row]] for row in last if names[row] in found}
    begins = np.flatnonzero(np.diff(log.case, prepend=-1))
    ends = np.append(begins[1:], len(log.case)) - 1
    frame = build_prefixes(
        log,
        amounts=dict(zip(asked["case_id"].to_pylist(), amounts, strict=True)),
        asked=log.cases[list(outcome)].tolist(),
        closing=[f"{name}-COMPLETE" for name in CLOSING],
        longest=LONGEST,
    )
    kept = np.array(sorted(outcome))
    split = check_protocol(log.at[begins[kept]], log.at[ends[kept]], list(outcome.values()))
    case = np.searchsorted(log.cases, np.array(frame["case_id"].to_pylist()))
    matrix = np.column_stack([frame[name].to_numpy() for name in _numbers(frame)])
    stamps = np.asarray(pc.cast(frame["at"], pa.int64()).to_numpy()) / 1e6
    code = np.array([outcome.get(place, -1) for place in range(len(log.cases))], dtype=np.intp)
    length = np.asarray(frame["prefix_length"].to_numpy(), dtype=np.float64)
    begun, ended = log.at[begins[case]], log.at[ends[case]]
    return Prefixes(matrix, length, stamps, begun, ended, code[case], split)


def _numbers(frame: pa.Table) -> list[str]:
    return [one.name for one in frame.schema if pa.types.is_float64(one.type)]


def check_protocol(begins: Floats, ends: Floats, outcomes: list[int]) -> float:
    """Count what the protocol counts; return the split: the first instant of the test part."""
    counts = np.bincount(outcomes)
    for task, count, told in zip(TASKS, counts, (2_243, 1_640, 802), strict=True):
        check_reproduced(f"cases {task}", int(count), told, tolerance=0)
    split = float(np.sort(begins)[TRAIN_CASES])
    over = int(((begins < split) & (ends >= split)).sum())
    check_reproduced("train cases", int((begins < split).sum()), TRAIN_CASES, tolerance=0)
    check_reproduced("overlapping cases", over, OVERLAPPING, tolerance=0)
    return split


def learned_rows(rows: Prefixes, split: float, regime: str) -> Rows:
    """Choose the rows to learn from at a split."""
    if regime == "discard":
        return rows.end < split
    return (rows.begin < split) & (rows.at < split)


def inner_splits(rows: Prefixes) -> Iterator[tuple[float, Rows]]:
    """Yield earlier splits, and the rows to judge: cases begun after one and ended in time.

    The follow-up is as long as that of the test part, and ends by the outer split.
    """
    for back in BACK_DAYS:
        split = rows.split - back * 86_400.0
        yield split, (rows.begin >= split) & (rows.end < split + FOLLOWED_DAYS * 86_400.0)


def fit_chances(rows: Prefixes, learned: Rows, judged: Rows, setting: str) -> Floats:
    """Return the chance of each outcome on the judged rows, shape (m, 3)."""
    growth, share = SETTINGS[setting]
    some, fewer = (np.flatnonzero(learned)[::step] for step in (EVERY, EVERY_LOGISTIC))
    chances = []
    for place in range(len(TASKS)):
        label = (rows.outcome == place).astype(np.float64)
        raw = Trees.grow(rows.matrix[some], label[some], growth=growth).raw(rows.matrix[judged])
        if share:
            raw = (1 - share) * raw + share * _linear(rows, label, fewer, judged)
        chances.append(expit(raw))
    every = np.column_stack(chances)
    return np.asarray(every / every.sum(axis=1, keepdims=True))


def _linear(rows: Prefixes, label: Floats, some: NDArray[np.intp], judged: Rows) -> Floats:
    seen = np.isfinite(rows.matrix[some]).any(axis=0)
    model, levels = Logistic.fit(
        rows.matrix[some][:, seen],
        label[some],
        place=np.zeros(len(some)),
        text={},
        ridge=lambda _: RIDGE,
    )
    return np.asarray(levels[0] + model.raw(rows.matrix[judged][:, seen]))


def measure(rows: Prefixes, judged: Rows, chances: Floats) -> list[float]:
    """Return the AUC of each task over all judged prefixes."""
    outcome = rows.outcome[judged]
    return [accuracy.auc(outcome == place, chances[:, place]) for place in range(len(TASKS))]


def choose_setting(rows: Prefixes) -> tuple[str, dict[str, float]]:
    """Choose the setting with the best mean AUC on the inner splits."""
    means = {}
    for setting in SETTINGS:
        found = [
            measure(
                rows, judged, fit_chances(rows, learned_rows(rows, split, regime), judged, setting)
            )
            for split, judged in inner_splits(rows)
            for regime in REGIMES
        ]
        means[setting] = float(np.mean(found))
    return max(means, key=lambda name: means[name]), means


def by_length(rows: Prefixes, judged: Rows, chances: Floats) -> str:
    """Tell the AUC of each task at some prefix lengths."""
    told = []
    for place, task in enumerate(TASKS):
        areas = []
        for length in LENGTHS:
            here = rows.length[judged] == length
            area = accuracy.auc(rows.outcome[judged][here] == place, chances[here, place])
            areas.append(f"{area:.3f}")
        told.append(f"{task} {' '.join(areas)}")
    return "; ".join(told)


def run() -> Result:
    """Choose inside the training part, then look at the test part once in each regime."""
    rows = read_prefixes()
    setting, means = choose_setting(rows)
    judged = rows.begin >= rows.split
    figures: dict[str, float] = {}
    told: list[str] = []
    for regime in REGIMES:
        learned = learned_rows(rows, rows.split, regime)
        chances = fit_chances(rows, learned, judged, setting)
        areas = measure(rows, judged, chances)
        figures |= {f"{task}_{regime}": area for task, area in zip(TASKS, areas, strict=True)}
        told.append(f"{regime}: {by_length(rows, judged, chances)}")
    inner = ", ".join(f"{name} {mean:.4f}" for name, mean in means.items())
    lengths = "/".join(str(length) for length in LENGTHS)
    return Result(
        figures=figures,
        rivals={
            name: {
                f"{task}_{regime}": area
                for regime, areas in zip(REGIMES, both, strict=True)
                for task, area in zip(TASKS, areas, strict=True)
            }
            for name, both in RIVALS.items()
        },
        n=len(np.unique(rows.begin[judged])),
        note=f"Chosen inside the training part: {setting} (mean AUC {inner}). "
        f"By prefix length {lengths}, {'; '.join(told)}.",
    )
