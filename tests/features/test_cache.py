from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from features.frames import account_frame
from lifecycle.history import History, open_history
from tests.builders import build_lake, order

DAY = date(2011, 6, 1)


def history(folder: Path) -> History:
    return open_history(folder / "lake", zone=ZoneInfo("UTC"))


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    build_lake(tmp_path, orders=[order("a1"), order("a2")])
    return tmp_path


def test_a_frame_from_the_cache_is_the_frame(lake: Path) -> None:
    at, cache = history(lake).as_of(DAY), lake / "frames"
    built = account_frame(at)
    found = [account_frame(at, cache_dir=cache) for _ in range(2)]
    assert all(str(each.to_pylist()) == str(built.to_pylist()) for each in found)
    assert len(list(cache.iterdir())) == 1


def test_a_cached_frame_is_not_built_again(lake: Path) -> None:
    cache = lake / "frames"
    account_frame(history(lake).as_of(DAY), cache_dir=cache)
    (path,) = cache.iterdir()
    written = path.stat().st_mtime_ns
    account_frame(history(lake).as_of(DAY), cache_dir=cache)
    assert path.stat().st_mtime_ns == written


def test_new_facts_give_a_new_frame(lake: Path) -> None:
    cache = lake / "frames"
    account_frame(history(lake).as_of(DAY), cache_dir=cache)
    build_lake(lake, batch="b2", orders=[order("a3")])
    assert account_frame(history(lake).as_of(DAY), cache_dir=cache).num_rows == 3


def test_a_damaged_cached_frame_is_built_anew(lake: Path) -> None:
    cache = lake / "frames"
    account_frame(history(lake).as_of(DAY), cache_dir=cache)
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    assert account_frame(history(lake).as_of(DAY), cache_dir=cache).num_rows == 2


def test_a_lake_without_purchases_gives_an_empty_frame(tmp_path: Path) -> None:
    build_lake(tmp_path, orders=[order("a1", amount_minor=-5), order(None)])
    assert account_frame(history(tmp_path).as_of(DAY)).num_rows == 0
