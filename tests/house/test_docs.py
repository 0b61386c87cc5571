"""The pages say what is there: commands, routes, settings, contracts, files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lifecycle.settings import Settings
from lifecycle.tables.catalog import TABLES
from tests.house.sources import ROOT, name_of, project_files
from truecast import COMMANDS

PAGES = [path for path in project_files() if path.suffix == ".md"]
DOCS = ROOT / "docs"
OPENAPI = ROOT / "tests" / "golden" / "openapi.json"
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _routes() -> set[str]:
    return set(json.loads(OPENAPI.read_text(encoding="utf-8"))["paths"])


def test_operations_lists_every_command() -> None:
    listed = re.findall(r"^\| `truecast ([\w-]+)` \|", _text("docs/operations.md"), re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


def test_operations_lists_every_setting() -> None:
    listed = re.findall(r"^\| `TRUECAST_(\w+)` \|", _text("docs/operations.md"), re.MULTILINE)
    assert sorted(name.lower() for name in listed) == sorted(Settings.model_fields)


def test_the_readme_runs_only_commands_that_exist() -> None:
    told = set(re.findall(r"^(?:\S*/)?truecast ([\w-]+)", _text("README.md"), re.MULTILINE))
    assert told
    assert told <= set(COMMANDS)


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^(\w+):", _text("Makefile"), re.MULTILINE))
    told = set(re.findall(r"\bmake (\w+)\b", _text("README.md") + _text("CONTRIBUTING.md")))
    assert {"demo", "serve", "test", "check", "bench", "install", "lock"} <= targets
    assert told <= targets


def test_the_api_page_lists_every_route() -> None:
    listed = set(re.findall(r"`(?:GET|POST) (/[^`]+)`", _text("docs/api.md")))
    assert _routes() <= listed
    assert listed - _routes() <= {"/openapi.json", "/docs"}


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_curl_lines_name_real_routes(page: str) -> None:
    called = re.findall(r"curl .*?http://127\.0\.0\.1:8000(/[\w/.-]+)", _text(page))
    patterns = [re.sub(r"\{\w+\}", r"[^/]+", route) for route in _routes()]
    assert called
    assert [path for path in called if not any(re.fullmatch(one, path) for one in patterns)] == []


def test_the_dictionary_names_every_table_and_column() -> None:
    page = _text("docs/data-dictionary.md")
    missing = [
        f"{name}.{column.name}"
        for name, table in TABLES.items()
        for column in table.columns
        if column.name not in page
    ]
    assert [name for name in TABLES if name not in page] == []
    assert missing == []


def test_the_dictionary_is_what_the_command_prints() -> None:
    command = [sys.executable, "-m", "truecast", "dictionary"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == _text("docs/data-dictionary.md").strip()


def test_the_architecture_page_names_every_contract() -> None:
    settings = tomllib.loads(_text("pyproject.toml"))["tool"]["importlinter"]
    page = _text("docs/architecture.md")
    named = re.findall(r"^\| ([^|`]+) \| [^|]+ \|$", page, re.MULTILINE)
    assert [one["name"] for one in settings["contracts"] if one["name"] not in named] == []


def test_files_named_on_the_pages_exist() -> None:
    path = re.compile(r"`((?:lifecycle|features|models|ledger|training|service|tests)/[\w/.]+)`")
    missing = [
        f"{name_of(page)}: {file}"
        for page in PAGES
        for file in path.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / file).exists()
    ]
    assert missing == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{name_of(page)} -> {target}"
        for page in PAGES
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_decisions_are_numbered_without_a_gap_and_of_one_page() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    assert [path.name[:4] for path in pages] == [f"{n:04}" for n in range(1, len(pages) + 1)]
    wrong = [path.name for path in pages if len(path.read_text().splitlines()) > 60]
    assert wrong == []


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda p: p.stem)
def test_a_decision_says_why_what_and_what_was_rejected(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    heads = ("**Status**", "**Context.**", "**Decision.**", "**Consequences.**", "**Rejected.**")
    assert [head for head in heads if head not in text] == []


def test_ci_runs_the_readmes_test_command() -> None:
    assert "make test" in _text("README.md")
    assert re.search(r"^exec make test\b", _text(".ci/run"), re.MULTILINE)


def test_the_licence_is_the_one_declared() -> None:
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in _text("LICENSE")
    assert "Version 2.0, January 2004" in _text("LICENSE")
