"""The locks: every file hashed, one version everywhere, nothing known to be unsafe."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, packages_distributions
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.house.sources import ROOT, imported_modules, python_files

SETS = ("serve", "all", "dev")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)(?: ; ([^\\]+?))? ?\\?$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")

# below these a known hole is open; the reliability page names them
FLOORS = {
    "h11": "0.16",
    "lightgbm": "4.6",
    "mlflow": "3.17.2",
    "scikit-learn": "1.5",
    "starlette": "1.10",
}
# held back because newer majors change results or do not resolve together
CEILINGS = {"duckdb": "2", "pandas": "3", "sqlglot": "30.18"}
NEVER_IN_THE_WEB_PROCESS = {
    "cloudpickle", "deltalake", "duckdb", "ibis-framework", "joblib", "mlflow", "mlflow-skinny",
    "pandas", "pandera", "pyarrow", "scikit-learn", "skops", "sqlglot", "statsforecast",
}  # fmt: skip

# loaders of foreign code, dead forks, and names that are a slip of the pen away from a real one
DENIED = {
    "defusedcsv", "dill", "pickle5", "pycrypto", "python-dateutils", "python-jose", "request",
    "sklearn", "urllib", "yaml",
}  # fmt: skip
LICENCES = {
    "0bsd", "3-clause bsd license", "apache license, version 2.0", "apache software license",
    "apache-2.0", "bsd license", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "isc license (iscl)",
    "mit", "mit license", "mit-0", "mit-cmu", "mozilla public license 2.0 (mpl 2.0)", "mpl-2.0",
    "psf-2.0", "python software foundation license", "zlib",
}  # fmt: skip
# MIT, told in a file instead of a field; LGPL-3.0, used as it is through its public interface
LICENCE_BY_HAND = {"huey", "skops", "psycopg", "psycopg-binary"}


def _pins(name: str) -> dict[str, set[str]]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pins: dict[str, set[str]] = {}
    for match in filter(None, map(PIN.match, lines)):
        pins.setdefault(match[1].lower(), set()).add(match[2])
    return pins


@pytest.mark.parametrize("name", SETS)
def test_every_line_is_a_pin_or_a_hash(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    other = [one for one in lines if not (PIN.match(one) or HASH.match(one) or one[:1] == "#")]
    assert other == []


@pytest.mark.parametrize("name", SETS)
def test_every_pin_is_followed_by_a_hash(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = [at for at, line in enumerate(lines) if PIN.match(line)]
    assert pinned
    assert [lines[at] for at in pinned if not HASH.match(lines[at + 1])] == []


def test_the_smaller_sets_are_cut_out_of_the_larger() -> None:
    serve, everything, dev = (_pins(name) for name in SETS)
    assert serve.items() <= everything.items() <= dev.items()


@pytest.mark.parametrize("package", FLOORS)
def test_no_pin_is_below_its_floor(package: str) -> None:
    assert all(Version(one) >= Version(FLOORS[package]) for one in _pins("dev")[package])


@pytest.mark.parametrize("package", CEILINGS)
def test_no_pin_is_above_its_ceiling(package: str) -> None:
    assert all(Version(one) < Version(CEILINGS[package]) for one in _pins("dev")[package])


def test_the_web_process_is_slim() -> None:
    assert set(_pins("serve")) & NEVER_IN_THE_WEB_PROCESS == set()


def test_every_declared_requirement_is_locked_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dev = _pins("dev")
    extras = chain.from_iterable(project["optional-dependencies"].values())
    for text in [*project["dependencies"], *extras]:
        wanted = Requirement(text)
        if wanted.name != "truecast":
            assert all(wanted.specifier.contains(one) for one in dev[wanted.name]), text


def test_whatever_is_imported_is_locked() -> None:
    """What was only installed by hand works here and fails in the next fresh clone."""
    named = {
        module.split(".")[0] for path in python_files() for module, _ in imported_modules(path)
    }
    sources, locked = packages_distributions(), {*_pins("dev"), "truecast"}
    loose = {
        name
        for name in named & set(sources)
        if not {canonicalize_name(source) for source in sources[name]} & locked
    }
    assert loose == set()


@pytest.mark.parametrize("name", SETS)
def test_nothing_denied_is_locked(name: str) -> None:
    assert set(_pins(name)) & DENIED == set()


def _licences(package: str) -> set[str]:
    """Return the names of the licences that an installed package tells, in lower case."""
    try:
        told = metadata(package)
    except PackageNotFoundError:  # of another platform
        return set()
    classified = [one for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    text = told.get("License-Expression") or "; ".join(one.split(" :: ")[-1] for one in classified)
    text = text or (told.get("License") or "").partition("\n")[0]
    return {one.strip(" ()").lower() for one in re.split(r" AND | OR |; ", text) if one.strip()}


def _is_accepted(package: str, found: set[str]) -> bool:
    trimmed = {one.strip(" ()") for one in LICENCES}
    return package in LICENCE_BY_HAND or found <= trimmed


def test_every_shipped_package_has_a_licence_that_we_accept() -> None:
    found = {name: _licences(name) for name in _pins("all")}
    assert sum(map(bool, found.values())) > 100
    assert {name: one for name, one in found.items() if not _is_accepted(name, one)} == {}


@pytest.mark.parametrize("licence", ["gpl-3.0-only", "agpl-3.0", "sspl-1.0", "proprietary"])
def test_the_planted_licence_is_caught(licence: str) -> None:
    assert not _is_accepted("planted", {"mit", licence})


@pytest.mark.parametrize("line", ["requests", "requests>=2", "    --hash=md5:00", "-e .", "a @ b"])
def test_the_planted_line_is_caught(line: str) -> None:
    assert not PIN.match(line)
    assert not HASH.match(line)
