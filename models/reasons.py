"""From contributions to reasons a person can use: what, how much, against whom, and can one act.

Contributions of single columns are summed into business groups. A reason says why an account is
unlike its peers (accounts of the same segment in the frame): from each group's contribution the
peers' median is taken, so that what is true of everybody (the season, the segment itself) explains
nobody. Nothing is lost: base + peers' medians + what is left = link(prediction). The groups that
raise the score most are named, with one that lowers it; each with the account's own value of a
column that differs from the peers', and their median of it. The words are those of the route.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.base import Explanation, FloatArray, ScoreModel, Unit
from models.columns import Frame, is_text, read_numbers, read_texts
from models.contract.telling import CONTRACT, CONTRACT_VALUE
from models.deals.telling import DEALS
from models.tellings import GROUPS, ORDERS, PROCESS_COLUMN, Wording, group_of, sum_groups

__all__ = [
    "GROUPS", "PROCESS_COLUMN", "build_reasons", "find_wording", "group_of", "sum_groups",
    "tell_reasons",
]  # fmt: skip

BoolArray = NDArray[np.bool_]
RAISING, LOWERING = 3, 1
LEAST_SHOWN = 0.1
FEWEST_PEERS = 5
CLEAR_SHARE = 0.01
SCALES: Mapping[str, str] = {"logit": "log_odds", "log": "log"}
"""Unit of a contribution by the link; with ``identity`` it is that of the score itself."""
LIKE_PEERS = 0.02
"""A value within so much of the peers' median (as a share of it) tells nothing apart."""


@dataclass(frozen=True)
class Told:
    """What a group shows of each account: a column by its place in ``names``, -1 for none.

    Attributes
    ----------
    names, labels
        Of the columns that can be shown.
    texts
        By place, the values of a column that is text.
    choice
        Shape (n,).
    value, usual
        Shape (n,): the account's own value and its peers' median; NaN where text is shown.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    texts: Mapping[int, list[str | None]]
    choice: NDArray[np.intp]
    value: FloatArray
    usual: FloatArray


def find_wording(why: Explanation) -> Wording:
    """Return the words in which an explanation is put, by its route and what it speaks of."""
    if why.route == "non_contractual":
        return ORDERS
    if why.route == "deals":
        return DEALS
    return CONTRACT if why.link == "logit" else CONTRACT_VALUE


def build_reasons(model: ScoreModel, frame: Frame) -> list[list[dict[str, Any]]]:
    """Return each account's reasons, the weightiest first, in the order of the frame.

    At most three that raise the score and one that lowers it. On the log-odds and log scales a
    part under 0.1 is left out; on the money scale one under 1 % of the account's largest.

    Returns
    -------
    list
        Per account a list of ``group``, ``label``, ``contribution`` (on the link's scale),
        ``link``, ``contribution_unit`` (``log_odds``, ``log`` or, for money, ``minor``),
        ``value`` and ``peer_median`` (as the label says, else in the column's unit; None if
        undefined), ``column``, ``actionable`` and ``direction`` (``raises`` or ``lowers`` the
        score).

    Raises
    ------
    FeatureMismatchError
        The frame lacks columns of the fit.
    """
    return tell_reasons(model.explain(frame), frame, unit=model.unit)


def tell_reasons(
    why: Explanation, frame: Frame, *, unit: Unit, peers: bool = True
) -> list[list[dict[str, Any]]]:
    """Return the reasons of an explanation that was made of the frame; see ``build_reasons``.

    Without ``peers`` a row is told apart from the model's base, whatever else is in the frame.
    """
    if frame.num_rows == 0:
        return []
    among = _peers_of(frame) if peers else []
    apart = why.contributions
    if peers and frame.num_rows >= FEWEST_PEERS:
        apart = apart - _peer_medians(apart, among)
        if why.parts is not None:
            why = replace(why, parts=why.parts - _peer_medians(why.parts, among))
    # more engaged means less risk, but more value
    wanted = np.where(apart > 0, 1, -1) * (-1 if unit == "probability" else 1)
    wording = find_wording(why)
    told = [
        _tell_group(group, why, frame, peers=among, wanted=wanted[:, place])
        for place, group in enumerate(why.groups)
    ]
    out: list[list[dict[str, Any]]] = [[] for _ in range(frame.num_rows)]
    for row, place in _pick(apart, told, why.link):
        part = float(apart[row, place])
        reason = _reason(told[place], row, part, wording=wording)
        scale = {"link": why.link, "contribution_unit": SCALES.get(why.link, unit)}
        out[row].append({"group": why.groups[place], **scale, **reason})
    return out


def _pick(apart: FloatArray, told: Sequence[Told], link: str) -> list[tuple[int, int]]:
    """Return (row, group) pairs to show: by row those that raise, then those that lower."""
    weight = np.abs(apart)
    least = np.full(len(apart), LEAST_SHOWN)
    if link == "identity":
        least = CLEAR_SHARE * weight.max(axis=1, initial=0.0)
    order = np.argsort(-weight, axis=1, kind="stable")
    shown = np.column_stack([one.choice >= 0 for one in told])
    shown &= weight >= np.maximum(least, 1e-12)[:, None]
    ranked = np.take_along_axis(shown, order, axis=1)
    raises = np.take_along_axis(apart > 0, order, axis=1)
    up, down = ranked & raises, ranked & ~raises
    up &= np.cumsum(up, axis=1) <= RAISING
    down &= np.cumsum(down, axis=1) <= LOWERING
    row, side, place = np.nonzero(np.stack([up, down], axis=1))
    del side
    return list(zip(row.tolist(), order[row, place].tolist(), strict=True))


def _reason(told: Told, row: int, part: float, *, wording: Wording) -> dict[str, Any]:
    choice = int(told.choice[row])
    column, label = told.names[choice], told.labels[choice]
    if choice in told.texts:
        label = f"{label}: {told.texts[choice][row] or 'unknown'}"
    numbers = float(told.value[row]), float(told.usual[row])
    _, label, value, usual = wording.put((column, label, *numbers))
    return {
        "label": label,
        "column": column,
        "contribution": round(part, 6),
        "value": _finite(value),
        "peer_median": _finite(usual),
        "actionable": wording.actionable.get(column, False),
        "direction": "raises" if part > 0 else "lowers",
    }


def _tell_group(
    group: str,
    why: Explanation,
    frame: Frame,
    *,
    peers: Sequence[BoolArray],
    wanted: NDArray[np.int_],
) -> Told:
    """Choose the column that tells each account from its peers, in the wanted direction.

    ``wanted`` is 1 where the reason speaks for a better customer than the peers, -1 for a worse.
    The first column that does is chosen, or the one with the largest part where parts are known.
    Without peers any known value may be shown.
    """
    wording, rows = find_wording(why), frame.num_rows
    # an own field that the model leaves out, as it does identifiers, is no reason for anything
    more = [c for c in wording.more(frame, group) if why.parts is None or c[0] in why.columns]
    columns = (*wording.shown.get(group, ()), *more)
    columns = tuple(one for one in columns if one[0] in frame.column_names)
    better = -1 if why.link == "logit" else 1
    best, choice = np.full(rows, -np.inf), np.full(rows, -1, dtype=np.intp)
    value, usual = np.full(rows, np.nan), np.full(rows, np.nan)
    texts: dict[int, list[str | None]] = {}
    for place, (name, _) in enumerate(columns):
        parts = _parts_of(why, name)
        own, median = np.full(rows, np.nan), np.full(rows, np.nan)
        if is_text(frame, name):
            texts[place] = read_texts(frame, name)
            fits = np.full(rows, parts is not None)
        else:
            own, median = _compare(frame, name, peers)
            sign = wording.engaged.get(name, 0) if peers else 0
            fits = _tells(own, median, wanted=wanted, sign=sign)
        weight = np.full(rows, -float(place)) if parts is None else parts * wanted * better
        chosen = fits & (weight > best)
        if parts is not None:
            chosen &= weight > 0
        best = np.where(chosen, weight, best)
        choice = np.where(chosen, place, choice)
        value, usual = np.where(chosen, own, value), np.where(chosen, median, usual)
    names, labels = tuple(one[0] for one in columns), tuple(one[1] for one in columns)
    return Told(names, labels, texts, choice, value, usual)


def _parts_of(why: Explanation, column: str) -> FloatArray | None:
    if why.parts is None or column not in why.columns:
        return None
    return np.asarray(why.parts[:, why.columns.index(column)])


def _compare(frame: Frame, name: str, peers: Sequence[BoolArray]) -> tuple[FloatArray, FloatArray]:
    own = read_numbers(frame, name)
    return own, _peer_medians(own[:, None], peers)[:, 0]


def _tells(own: FloatArray, usual: FloatArray, *, wanted: NDArray[np.int_], sign: int) -> BoolArray:
    with np.errstate(invalid="ignore"):
        apart = np.isfinite(own) & ~(np.abs(own - usual) <= LIKE_PEERS * np.abs(usual))
    better = sign * np.where(own > usual, 1, -1)
    return np.asarray(apart & ((better == 0) | (better == wanted)))


def _peers_of(frame: Frame) -> list[BoolArray]:
    """Return one mask of shape (n,) per segment; a single one where segments are unknown."""
    if "segment" not in frame.column_names:
        return [np.ones(frame.num_rows, dtype=np.bool_)]
    segments = np.array([str(name) for name in read_texts(frame, "segment")], dtype=object)
    return [segments == name for name in sorted(set(segments.tolist()))]


def _peer_medians(values: FloatArray, peers: Sequence[BoolArray]) -> FloatArray:
    """Return shape (n, k): for each account the medians of the columns among its peers."""
    out = np.full(values.shape, np.nan)
    for same in peers:
        # too few to say what is usual: all accounts are the peers
        among = np.ascontiguousarray((values if same.sum() < FEWEST_PEERS else values[same]).T)
        if among.size and np.isfinite(among).all():
            out[same] = np.median(among, axis=1)
        else:
            out[same] = [_median(column) for column in among]
    return out


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
