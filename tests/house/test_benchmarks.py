"""Published numbers: reproducible, in one form, and marked when the code behind them moved on."""

from __future__ import annotations

import importlib
import json
import subprocess
from pathlib import Path

import pytest

from benchmarks.freshness import imported_files, judge, read_commit
from benchmarks.protocol import BenchmarkError, Result, check_reproduced, data_dir
from benchmarks.run import main, names, save_result
from benchmarks.table import PAGE, load_results, read_states, render, script_of

KEYS = {"protocol", "commit", "seconds", "peak_mb", "figures", "rivals", "n", "note"}


def _git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    run = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True)
    return run.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A tiny project: a script that imports a room, and a file that it does not import."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text('"""A room."""\n')
    (tmp_path / "room" / "rule.py").write_text("def rule():\n    return 1\n")
    (tmp_path / "other.py").write_text("OTHER = 1\n")
    (tmp_path / "script.py").write_text("def run():\n    from room.rule import rule\n")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "Begin")
    return tmp_path


def _state(clone: Path, commit: str) -> str:
    return judge(commit, imported_files(clone / "script.py", clone), clone)


def test_imports_inside_functions_are_followed(clone: Path) -> None:
    found = {
        path.relative_to(clone).as_posix() for path in imported_files(clone / "script.py", clone)
    }
    assert found == {"script.py", "room/__init__.py", "room/rule.py"}


def test_what_a_script_measures_in_another_process_counts_as_imported(clone: Path) -> None:
    (clone / "served.py").write_text('MEASURES = ("other.py", "room")\n')
    found = imported_files(clone / "served.py", clone)
    assert clone / "other.py" in found
    assert clone / "room" / "rule.py" in found


@pytest.mark.parametrize("name", names())
def test_every_script_says_plainly_what_it_measures(name: str) -> None:
    assert script_of(name) in imported_files(script_of(name))


@pytest.mark.parametrize("name", names())
def test_every_script_can_be_run_as_the_code_stands(name: str) -> None:
    assert name == importlib.import_module(f"benchmarks.{script_of(name).stem}").NAME


def test_a_result_is_fresh_while_its_code_stands(clone: Path) -> None:
    (clone / "other.py").write_text("OTHER = 2\n")
    assert _state(clone, _git(clone, "rev-parse", "HEAD")) == "fresh"


def test_a_result_is_stale_once_imported_code_changed(clone: Path) -> None:
    commit = _git(clone, "rev-parse", "HEAD")
    (clone / "room" / "rule.py").write_text("def rule():\n    return 2\n")
    assert _state(clone, commit) == "stale"
    _git(clone, "commit", "-qam", "Change")
    assert _state(clone, commit) == "stale"


def test_a_result_is_stale_once_its_script_imports_a_new_file(clone: Path) -> None:
    commit = _git(clone, "rev-parse", "HEAD")
    (clone / "room" / "new.py").write_text("NEW = 1\n")
    (clone / "room" / "rule.py").write_text("import room.new\n\n\ndef rule():\n    return 1\n")
    assert _state(clone, commit) == "stale"


def test_a_comment_or_a_docstring_stales_nothing(clone: Path) -> None:
    commit = _git(clone, "rev-parse", "HEAD")
    (clone / "room" / "rule.py").write_text('def rule():\n    """Why."""\n    return 1  # one\n')
    assert _state(clone, commit) == "fresh"


def test_a_result_of_uncommitted_code_says_so(clone: Path) -> None:
    (clone / "room" / "rule.py").write_text("def rule():\n    return 3\n")
    commit = read_commit(imported_files(clone / "script.py", clone), clone)
    assert commit.endswith("+")
    assert _state(clone, commit) == "uncommitted"


def test_a_commit_that_a_shallow_clone_lacks_is_unknown(clone: Path) -> None:
    assert _state(clone, "0" * 40) == "unknown"


def test_the_page_agrees_with_the_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert render(load_results(), read_states(page)) == page


def test_every_result_has_the_same_form_and_a_script() -> None:
    for result in load_results():
        assert set(result) == KEYS
        assert script_of(result["protocol"]).is_file()
        assert all(isinstance(value, int | float) for value in result["figures"].values())


def test_every_script_is_named_after_its_protocol() -> None:
    declared = {name: script_of(name).read_text("utf-8") for name in names()}
    assert [name for name, text in declared.items() if f'NAME = "{name}"' not in text] == []


def test_a_result_is_written_with_what_the_runner_measured(tmp_path: Path) -> None:
    result = Result(figures={"mae": 1.5}, rivals={"naive": {"mae": 2.0}}, n=3, note="tiny")
    path = save_result("demo", result, {"seconds": 1.26, "peak_mb": 10.0}, tmp_path)
    content = json.loads(path.read_text())
    assert set(content) == KEYS
    assert (content["seconds"], content["rivals"]["naive"]["mae"]) == (1.3, 2.0)


def test_a_figure_must_be_a_finite_number() -> None:
    with pytest.raises(BenchmarkError, match="mae is nan"):
        Result(figures={"mae": float("nan")})


def test_a_rival_within_one_percent_counts_as_reproduced() -> None:
    check_reproduced("run rate, MAE", 384.0, 385.0)


@pytest.mark.parametrize("found", [380.0, float("nan")])
def test_a_rival_that_is_not_the_published_one_stops_the_run(found: float) -> None:
    with pytest.raises(BenchmarkError, match=r"run rate, MAE: found .* expected 385 within 1.0%"):
        check_reproduced("run rate, MAE", found, 385.0)


def test_a_missing_data_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRUECAST_BENCH_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(BenchmarkError, match=r"nowhere.*TRUECAST_BENCH_DATA"):
        data_dir()


def test_an_unknown_benchmark_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["or2-91"]) == 2
    assert "'or2-91'; expected one of" in capsys.readouterr().err
