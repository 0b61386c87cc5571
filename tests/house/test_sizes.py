"""Files, functions and signatures stay small enough to be read in one go."""

from __future__ import annotations

import ast

import pytest

from tests.house.sources import ROOMS, Definition, body_lines, definitions, name_of, python_files

LONGEST_FILE = 300
LONGEST_FUNCTION = 40
LONGEST_TEST = 20
MOST_PARAMETERS = 5
MOST_POSITIONAL = 4

# one door to a whole training run; its six arguments are the run's six independent choices
WIDE_ON_PURPOSE = {"training/train.py:train"}

CODE = (*ROOMS, "truecast.py", "benchmarks", "examples")


def _positional(function: Definition) -> list[str]:
    arguments = function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    return [name for name in names if name not in {"self", "cls"}]


def _is_filled_by_a_framework(function: Definition) -> bool:
    """Tell a route, a command or a dependency: decorated by a call on an app, or told by Query."""
    calls = [one.func for one in function.decorator_list if isinstance(one, ast.Call)]
    arguments = (*function.args.args, *function.args.kwonlyargs)
    told = " ".join(ast.unparse(one.annotation) for one in arguments if one.annotation)
    return any(isinstance(one, ast.Attribute) for one in calls) or "Query(" in told


def test_no_file_is_longer_than_a_reader_keeps_in_mind() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in python_files()}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


@pytest.mark.parametrize(
    ("folders", "longest"), [(CODE, LONGEST_FUNCTION), (("tests",), LONGEST_FUNCTION)]
)
def test_no_function_is_longer_than_a_screen(folders: tuple[str, ...], longest: int) -> None:
    lengths = {
        f"{name_of(path)}:{name}": body_lines(function)
        for path in python_files(*folders)
        for name, function in definitions(path)
    }
    assert {name: n for name, n in lengths.items() if n > longest} == {}


def test_a_test_checks_one_rule_in_few_lines() -> None:
    lengths = {
        f"{name_of(path)}:{name}": body_lines(function)
        for path in python_files("tests")
        for name, function in definitions(path)
        if function.name.startswith("test_")
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_TEST} == {}


def test_functions_take_few_parameters() -> None:
    wide = {
        f"{name_of(path)}:{name}"
        for path in python_files(*CODE)
        for name, function in definitions(path)
        if not _is_filled_by_a_framework(function)
        and (
            len(_positional(function)) + len(function.args.kwonlyargs) > MOST_PARAMETERS
            or len(_positional(function)) > MOST_POSITIONAL
        )
    }
    assert (
        wide - WIDE_ON_PURPOSE - {"lifecycle/settings.py:Settings.settings_customise_sources"}
        == set()
    )
