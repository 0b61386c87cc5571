"""Docstrings say what a caller cannot see: above all, which errors to expect."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.sources import ROOMS, ROOT, Definition, definitions, name_of, python_files, tree_of

SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
PARAMETER = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$", re.MULTILINE)


def _own_errors() -> set[str]:
    tree = tree_of(ROOT / "lifecycle" / "errors.py")
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def _public() -> Iterator[tuple[Path, str, Definition]]:
    for path in python_files(*ROOMS):
        if "migrations" in path.parts:
            continue
        for name, function in definitions(path):
            hidden = any(part.startswith("_") for part in name.split("."))
            inside_a_function = any(part[0].islower() for part in name.split(".")[:-1])
            if not hidden and not inside_a_function and not function.decorator_list:
                yield path, name, function


def _sections(function: Definition) -> dict[str, str]:
    text = ast.get_docstring(function) or ""
    marks = list(SECTION.finditer(text))
    starts = [mark.start() for mark in marks]
    return {
        mark[1]: text[mark.end() : end]
        for mark, end in zip(marks, [*starts[1:], len(text)], strict=bool(marks))
    }


def _raised(function: Definition) -> set[str]:
    calls = [
        node.exc.func
        for node in ast.walk(function)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    return {call.id for call in calls if isinstance(call, ast.Name)} & _own_errors()


def test_every_public_name_says_what_it_is_for() -> None:
    silent = [
        f"{name_of(path)}:{name}"
        for path, name, function in _public()
        if not ast.get_docstring(function)
    ]
    assert silent == []


def test_every_module_says_what_it_is_for() -> None:
    paths = [path for path in python_files(*ROOMS, "truecast.py") if "versions" not in path.parts]
    assert [name_of(path) for path in paths if not ast.get_docstring(tree_of(path))] == []


def test_a_function_names_the_errors_it_raises() -> None:
    unnamed = []
    for path, name, function in _public():
        told = _sections(function).get("Raises", "")
        missing = sorted(one for one in _raised(function) if one not in told)
        if missing:
            unnamed.append(f"{name_of(path)}:{name} raises {', '.join(missing)}")
    assert unnamed == []


def test_documented_parameters_are_those_of_the_signature() -> None:
    wrong = []
    for path, name, function in _public():
        arguments = function.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        real = {one.arg for one in (*every, arguments.vararg, arguments.kwarg) if one}
        text = _sections(function).get("Parameters", "")
        told = {one.strip("* ") for line in PARAMETER.findall(text) for one in line.split(",")}
        if told - real:
            wrong.append(f"{name_of(path)}:{name} documents {sorted(told - real)}")
    assert wrong == []
