"""The rooms look as the architecture page says: names, openings, folders."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.sources import (
    ROOMS,
    ROOT,
    definitions,
    imported_modules,
    name_of,
    project_files,
    python_files,
    tree_of,
)

# names that say nothing about what is inside, so everything ends up there
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "types", "constants", "misc"}
EMPTY_VERBS = ("process_", "handle_", "do_", "get_")
# methods that a library calls by that name
LIBRARY_NAMES = {
    "process_bind_param", "process_result_value", "get_route_handler", "handle_events",
    "handle_exit",
}  # fmt: skip
UNPICKLERS = {"pickle", "cPickle", "_pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}


def _inits() -> list[Path]:
    return [path for path in python_files(*ROOMS) if path.name == "__init__.py"]


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_exists(room: str) -> None:
    assert (ROOT / room / "__init__.py").is_file()


def test_a_room_opens_with_a_docstring_and_nothing_else() -> None:
    wrong = [
        name_of(path)
        for path in _inits()
        if len(tree_of(path).body) != 1 or not ast.get_docstring(tree_of(path))
    ]
    assert wrong == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = {name_of(path): {path.stem, *path.relative_to(ROOT).parts} for path in python_files()}
    assert [name for name, parts in named.items() if parts & EMPTY_NAMES] == []


def test_no_function_of_a_room_has_a_verb_that_says_nothing() -> None:
    named = [
        f"{name_of(path)}:{name}"
        for path in python_files(*ROOMS)
        for name, function in definitions(path)
        if function.name.startswith(EMPTY_VERBS) and function.name not in LIBRARY_NAMES
    ]
    assert named == []


def test_rooms_neither_pickle_nor_unpickle() -> None:
    found = [
        f"{name_of(path)}:{line} {module}"
        for path in python_files(*ROOMS, "truecast.py")
        for module, line in imported_modules(path)
        if module.split(".")[0] in UNPICKLERS
    ]
    assert found == []


def test_every_tests_folder_is_a_package() -> None:
    folders = {path.parent for path in python_files("tests")}
    parents = {parent for folder in folders for parent in (folder, *folder.parents)}
    inside = [one for one in parents if one.is_relative_to(ROOT / "tests")]
    assert [name_of(one) for one in inside if not (one / "__init__.py").is_file()] == []


def test_tests_stand_where_their_room_stands() -> None:
    allowed = {*ROOMS, "house", "flows", "golden", "leakage"}
    folders = {
        path.relative_to(ROOT).parts[1]
        for path in project_files()
        if path.is_relative_to(ROOT / "tests") and len(path.relative_to(ROOT).parts) > 2
    }
    assert folders <= allowed


def test_test_names_are_sentences() -> None:
    short = [
        f"{name_of(path)}:{name}"
        for path in python_files("tests")
        for name, function in definitions(path)
        if function.name.startswith("test_") and function.name.count("_") < 2
    ]
    assert short == []
