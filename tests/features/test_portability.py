"""The frame is one expression that another engine can run: the rules that keep it so."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.operations as ops
import pytest
from ibis.config import Config

import features.frames as frames
from features.clock import clock_at, contract_clock_at
from features.contract_frame import build_contract_frame
from lifecycle.history import open_history
from tests.builders import account, build_lake, fact, noon, order

ROOM = Path(frames.__file__).parent
DAY = date(2011, 2, 1)
FORBIDDEN_CALLS = {"to_pandas", "asof_join", "memtable", "execute", "epoch_seconds", "raw_sql"}


class SparkOptions(Config):
    treat_nan_as_null: bool = False


@pytest.fixture(scope="module", params=["account_sums", "spells"])
def named(request: pytest.FixtureRequest) -> str:
    """What the frame of orders, and the frame of contracts, compute once and name."""
    return str(request.param)


@pytest.fixture(scope="module")
def expression(named: str, tmp_path_factory: pytest.TempPathFactory) -> ibis.Table:
    folder = tmp_path_factory.mktemp("lake")
    merged = fact(DAY, merge_id="m1", account_id="a1", into_account_id="a2", merged_at=noon(DAY))
    build_lake(folder, orders=[order()], accounts=[account()], account_merges=[merged])
    snapshot = open_history(folder / "lake", zone=ZoneInfo("Europe/London")).as_of(date(2011, 6, 1))
    if named == "spells":
        return build_contract_frame(snapshot, contract_clock_at(snapshot))
    return frames.build_account_frame(snapshot, clock_at(snapshot))


def test_the_frame_compiles_for_spark(
    named: str, expression: ibis.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The options of an engine that is not installed are absent; the compiler reads one of them.
    monkeypatch.setattr(ibis.options, "pyspark", SparkOptions())
    text = ibis.to_sql(expression, dialect="pyspark")
    assert text.count("GROUP BY") >= 4
    assert f"`{named}`" in text


def test_no_truth_value_is_cast_to_a_number(expression: ibis.Table) -> None:
    casts = expression.op().find(ops.Cast)
    assert not [cast for cast in casts if cast.arg.dtype.is_boolean()]


def test_aggregates_hold_no_float_literal(expression: ibis.Table) -> None:
    for reduction in expression.op().find(ops.Reduction):
        literals = reduction.find(ops.Literal)
        assert not [literal for literal in literals if literal.dtype.is_floating()]


def test_divisions_are_made_in_floating_point(expression: ibis.Table) -> None:
    divisions = [op for op in expression.op().find(ops.Divide) if type(op) is ops.Divide]
    assert all(division.dtype.is_floating() for division in divisions)


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.stem)
def test_the_source_keeps_to_what_every_engine_has(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    modules = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert not names & FORBIDDEN_CALLS
    assert not modules & {"pandas", "duckdb", "polars", "pyspark"}
