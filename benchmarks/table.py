"""docs/benchmarks.md, written from the results and nothing else."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.freshness import imported_files, judge
from benchmarks.protocol import ROOT

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

Written by `python -m benchmarks.run --table` from `benchmarks/results/*.json`; do not edit.

Each protocol is one script under `benchmarks/`; `make bench NAME=or2-90` runs one, `make bench`
all. The data are read from `TRUECAST_BENCH_DATA` (default `../shared/data`); only Online Retail II
may be shipped, the others are measured and never committed. A script first reproduces its rivals
to 1 % of what the data page prints, else it writes nothing. All settings come from earlier origins.

A state is `fresh` (the code that the script imports is that of the commit), `stale` (it changed
since: measure again before quoting), `uncommitted` or `unknown` (no such commit in this clone).
"""
STATE = re.compile(r"^\| \[([a-z0-9-]+)\]\(#[a-z0-9-]+\) \| (\w+) \|", re.MULTILINE)


def script_of(protocol: str) -> Path:
    """Return the script of a protocol: ``or2-90`` is ``or2_90.py``."""
    return ROOT / "benchmarks" / f"{protocol.replace('-', '_')}.py"


def load_results(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Read every result, by protocol name."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def judge_results(results: list[dict[str, Any]]) -> dict[str, str]:
    """Tell the state of each result; one without a script is stale."""
    states = {}
    for result in results:
        script = script_of(result["protocol"])
        if script.is_file():
            states[result["protocol"]] = judge(result["commit"], imported_files(script))
        else:
            states[result["protocol"]] = "stale"
    return states


def _number(value: float | None) -> str:
    """Four figures that tell something; whole numbers from a thousand on."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _summary(results: list[dict[str, Any]], states: Mapping[str, str]) -> list[str]:
    lines = [_row(["protocol", "state", "commit", "n", "seconds", "peak MB"]), _row(["---"] * 6)]
    for one in results:
        name = one["protocol"]
        cells = [f"[{name}](#{name})", states.get(name, "unknown"), f"`{one['commit']}`"]
        measured = [_number(one["n"]), _number(one["seconds"]), _number(one["peak_mb"])]
        lines.append(_row([*cells, *measured]))
    return lines


def _section(result: dict[str, Any]) -> list[str]:
    owners = {"**Truecast**": result["figures"], **result["rivals"]}
    names = list(dict.fromkeys(name for figures in owners.values() for name in figures))
    script = script_of(result["protocol"])
    purpose = ast.get_docstring(ast.parse(script.read_text("utf-8"))) if script.is_file() else ""
    lines = ["", f"## {result['protocol']}", "", (purpose or "").split("\n\n")[0], ""]
    lines += [_row(["", *names]), _row(["---"] * (len(names) + 1))]
    for owner, figures in owners.items():
        lines.append(_row([owner, *(_number(figures.get(name)) for name in names)]))
    return [*lines, "", result["note"]] if result["note"] else lines


def render(results: list[dict[str, Any]], states: Mapping[str, str]) -> str:
    """Write the page's text; the same results and states always give the same text."""
    lines = _summary(results, states)
    for result in results:
        lines += _section(result)
    return HEAD + "\n" + "\n".join(lines) + "\n"


def read_states(page: str) -> dict[str, str]:
    """Read the states a page shows, so that a check can leave them as they are."""
    return dict(STATE.findall(page))


def save_page(page: Path = PAGE) -> None:
    """Write the page anew from the results that are there."""
    results = load_results()
    page.write_text(render(results, judge_results(results)), encoding="utf-8")
