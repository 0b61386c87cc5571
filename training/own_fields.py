"""What became of a company's own fields, for the model card: read, pooled, encoded, left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.attributes import attribute_report
from lifecycle.snapshot import Snapshot
from models.base import ScoreModel
from models.vocabulary import OWN_NUMBER, OWN_TEXT

_FATES = {
    "kept": "read as numbers",
    "pooled": "common values kept, rare ones as one",
    "encoded": "read as log-odds by value",
    "dropped": "left out",
}
_PLAIN = ("kept", "a number")


def describe_own_fields(known: Snapshot, model: ScoreModel) -> dict[str, list[dict[str, Any]]]:
    """Describe what became of custom fields, as JSON values; empty without any.

    Parameters
    ----------
    known
        What training knew.
    model
        The fitted winner, before calibration and what is put around it.

    Returns
    -------
    dict
        ``own_fields``: per field that the model met ``field``, ``fate``, ``reason`` and number
        of ``values`` kept, or per field that no model may meet ``field``, ``fate`` forbidden and
        ``reason``. The key is absent where there is nothing to tell.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    met = getattr(model, "report", [])
    told = [dict(one) for one in met if str(one["field"]).startswith((OWN_NUMBER, OWN_TEXT))]
    let_in = {_bare(one) for one in told}
    for row in attribute_report(known).to_pylist():
        if not row["used"] and row["name"] not in let_in:
            name = f"{row['name']} of {row['entity']}"
            told.append({"field": name, "fate": "forbidden", "reason": row["reason"]})
    return {"own_fields": told} if told else {}


def own_field_lines(fields: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section of the card for people: a line per fate, none without fields."""
    if not fields:
        return []
    fates = {**_FATES, "forbidden": "never read"}
    lines = ["Own fields:"]
    for fate, words in fates.items():
        names = [_name(one) for one in fields if one["fate"] == fate]
        lines += [f"- {words}: {', '.join(names)}"] if names else []
    return [*lines, ""]


def _name(one: Mapping[str, Any]) -> str:
    name = _bare(one)
    return name if (one["fate"], one["reason"]) == _PLAIN else f"{name} ({one['reason']})"


def _bare(one: Mapping[str, Any]) -> str:
    return str(one["field"]).removeprefix(OWN_NUMBER).removeprefix(OWN_TEXT)
