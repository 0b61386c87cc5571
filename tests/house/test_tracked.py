"""Nothing tracked names a package index's address, a folder of one machine, or a secret."""

from __future__ import annotations

import re

from tests.house.sources import name_of, project_files

# written in pieces, so that this file does not find itself
HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org")
MACHINE = re.compile(r"(?<![\w.])/(?:" + "|".join(["work", "root", "Users", "home/[a-z]"]) + r")/")
SECRETS = re.compile("-----BEGIN [A-Z ]*" + "PRIVATE KEY-----|AKIA[0-9A-Z]{16}")
BINARY = {".parquet", ".png", ".ico", ".woff2", ".gz", ".zst"}
LARGEST_BYTES = 2_000_000


def _texts() -> dict[str, str]:
    paths = [path for path in project_files() if path.suffix not in BINARY]
    return {name_of(path): path.read_text(encoding="utf-8") for path in paths}


def test_no_file_names_the_address_of_a_package_index() -> None:
    assert [name for name, text in _texts().items() if any(one in text for one in HOSTS)] == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert [name for name, text in _texts().items() if MACHINE.search(text)] == []


def test_no_file_holds_a_key() -> None:
    assert [name for name, text in _texts().items() if SECRETS.search(text)] == []


def test_no_tracked_file_is_large() -> None:
    large = [name_of(path) for path in project_files() if path.stat().st_size > LARGEST_BYTES]
    assert large == []


def test_no_model_frame_or_store_is_shipped() -> None:
    kinds = (".pkl", ".joblib", ".onnx", ".sqlite", ".db", ".duckdb", ".model")
    assert [name_of(path) for path in project_files() if path.name.endswith(kinds)] == []


def test_of_the_public_data_sets_only_the_licensed_one_is_shipped() -> None:
    parquet = {name_of(path) for path in project_files() if path.suffix in {".parquet", ".csv"}}
    assert {name for name in parquet if not name.startswith("examples/online_retail_ii/")} == set()
