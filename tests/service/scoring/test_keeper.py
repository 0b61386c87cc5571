"""Which bundle speaks: only one that passed, at once, and the last good one until then."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert, select

from ledger.engine import Ledger
from ledger.releases import promote_release, read_releases
from ledger.tables import promotions, releases
from models import bundle
from models.answers import predict_values
from models.base import ScoreModel
from models.columns import to_columns
from service.scoring.keeper import Keeper
from tests.ledger.story import new_ledger
from tests.service.scoring.company import orders, release

KEY = ("churn", "non_contractual", 90)
MUTANTS, SWAPS = 200, 50


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ledger]:
    """A ledger whose first champion is a bundle with trees."""
    folder = tmp_path_factory.mktemp("data")
    ledger = new_ledger(folder)
    release(ledger, folder, orders()[0], "churn", "good")
    return folder, ledger


def speaker(keeper: Keeper) -> str:
    return keeper.champions[KEY].release.version


def mutate(whole: Path, made: Path, number: int) -> None:
    """One of 200 ways in which a bundle is not the one that was released."""
    rng = np.random.default_rng(number)
    shutil.copytree(whole, made)
    files = sorted(made.iterdir())
    one = files[number % len(files)]
    content = bytearray(one.read_bytes())
    match number % 8:
        case 0 | 1 | 2:
            content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
            one.write_bytes(content)
        case 3:
            one.write_bytes(content[: int(rng.integers(len(content)))])
        case 4:
            one.write_bytes(b"")
        case 5:
            one.unlink()
            one.symlink_to(whole / one.name)
        case 6:
            (made / "more.json").write_text(f"[{number}]")
        case 7:
            one.unlink()


def refused(home: tuple[Path, Ledger], change: Callable[[Path, Path, int], None]) -> int:
    """How many mutants of a released bundle are refused."""
    folder, digest = home[0], digest_of(home)
    whole, made, count = folder / "bundles" / digest, folder / "mutants" / digest, 0
    for number in range(MUTANTS):
        change(whole, made, number)
        try:
            bundle.load_bundle(folder / "mutants", digest)
        except bundle.BundleError:
            count += 1
        except Exception:
            pass
        shutil.rmtree(made)
    return count


def digest_of(home: tuple[Path, Ledger]) -> str:
    return next(one.digest for one in read_releases(home[1]))


def test_every_mutant_is_refused_before_it_is_parsed(
    home: tuple[Path, Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[object] = []
    monkeypatch.setattr(bundle, "_check_in_child", lambda *given: parsed.append(given))
    assert refused(home, mutate) == MUTANTS
    assert parsed == []


def test_the_planted_fault_is_caught(
    home: tuple[Path, Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that asked the folder for its digest would let mutants through."""
    known = digest_of(home)
    monkeypatch.setattr(bundle, "compute_digest", lambda files: known)
    monkeypatch.setattr(bundle, "_check_in_child", lambda *given: None)
    assert refused(home, mutate) < MUTANTS


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[tuple[Keeper, Path, Ledger]]:
    ledger = new_ledger(tmp_path)
    release(ledger, tmp_path, orders()[0], "churn", "good")
    made = Keeper(tmp_path, lambda: ledger)
    made.look()
    yield made, tmp_path, ledger
    made.stop()


def test_a_bad_bundle_leaves_the_last_good_one_speaking(
    keeper: tuple[Keeper, Path, Ledger],
) -> None:
    kept, folder, ledger = keeper
    bad = release(ledger, folder, orders()[1], "churn", "bad")
    part = next((folder / "bundles" / bad.digest).glob("*.json"))
    part.write_bytes(part.read_bytes() + b" ")
    kept.look()
    assert speaker(kept) == "good"
    assert len(kept.troubles) == 1
    assert kept.troubles[0].startswith("churn (non_contractual, 90 days)")


def test_a_newer_schema_and_a_swapped_model_are_refused(
    keeper: tuple[Keeper, Path, Ledger],
) -> None:
    kept, folder, ledger = keeper
    other = release(ledger, folder, orders()[1], "churn", "swapped")
    shutil.rmtree(folder / "bundles" / other.digest)
    good = kept.champions[KEY].release.digest
    shutil.copytree(folder / "bundles" / good, folder / "bundles" / other.digest)
    kept.look()
    assert speaker(kept) == "good"


def test_a_promotion_is_seen_at_the_next_look_and_so_is_a_rollback(
    keeper: tuple[Keeper, Path, Ledger],
) -> None:
    kept, folder, ledger = keeper
    release(ledger, folder, orders()[1], "churn", "next")
    kept.look()
    assert speaker(kept) == "next"
    before = next(one for one in read_releases(ledger) if one.version == "good")
    with ledger.writing() as connection:
        promote_release(connection, before, reason="rolled back")
    kept.look()
    assert speaker(kept) == "good"


def test_a_lost_bundles_folder_stops_nobody(keeper: tuple[Keeper, Path, Ledger]) -> None:
    _, folder, ledger = keeper
    shutil.rmtree(folder / "bundles")
    again = Keeper(folder, lambda: ledger)
    again.look()
    assert speaker(again) == "good"
    assert again.troubles == []


def test_three_copies_are_kept(keeper: tuple[Keeper, Path, Ledger]) -> None:
    kept, folder, ledger = keeper
    for number in range(4):
        meta = orders()[1]
        meta.horizon_days = 90
        digest = bundle.save_bundle(
            folder / "bundles", "LapseModel", meta.to_parts(), {"number": number}
        )
        release(ledger, folder, meta, "churn", f"v{number}", digest=digest)
        kept.look()
    assert len(list((folder / "serving").iterdir())) == 3


class Callers:
    """Four threads that ask whoever speaks, and hold each value against its version's."""

    def __init__(self, keeper: Keeper) -> None:
        self._frame = to_columns(orders()[3]).take(np.arange(3))
        self._golden = {
            "good": self._ask(orders()[0]),
            "other": self._ask(orders()[1]),
        }
        self.seen: set[str] = set()
        self.wrong: list[str] = []
        self._keeper, self._done = keeper, threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(4)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, model: ScoreModel) -> list[float]:
        found: list[float] = predict_values(model, self._frame, horizon_days=90).tolist()
        return found

    def _work(self) -> None:
        while not self._done.is_set():
            one = self._keeper.champions[KEY]
            self.seen.add(one.release.version)
            if self._ask(one.model) != self._golden[one.release.version]:
                self.wrong.append(one.release.version)


def test_each_answer_is_of_the_version_it_names(keeper: tuple[Keeper, Path, Ledger]) -> None:
    """Fifty swaps while four threads ask."""
    kept, folder, ledger = keeper
    other = release(ledger, folder, orders()[1], "churn", "other")
    good = next(one for one in read_releases(ledger) if one.version == "good")
    with Callers(kept) as callers:
        for number in range(SWAPS):
            with ledger.writing() as connection:
                promote_release(connection, (other, good)[number % 2], reason="swap")
            kept.look()
    assert (callers.wrong, callers.seen) == ([], {"good", "other"})


def test_a_version_that_does_not_belong_to_its_value_is_caught(
    keeper: tuple[Keeper, Path, Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: the release changes before its model does."""
    kept, folder, ledger = keeper
    other = release(ledger, folder, orders()[1], "churn", "other")
    torn = replace(kept.champions[KEY], release=other)
    monkeypatch.setattr(kept, "_champions", {KEY: torn})
    with Callers(kept) as callers:
        while not callers.seen:
            pass
    assert callers.wrong


def test_a_failure_nobody_foresaw_does_not_end_the_looking(
    keeper: tuple[Keeper, Path, Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, folder, ledger = keeper
    monkeypatch.setattr("service.scoring.keeper.POLL_SECONDS", 0.02)
    looked = threading.Event()
    real = kept.look
    falls = iter([MemoryError(), RuntimeError()])

    def look() -> None:
        for failure in falls:
            raise failure
        real()
        looked.set()

    monkeypatch.setattr(kept, "look", look)
    release(ledger, folder, orders()[1], "churn", "next")
    kept.start()
    assert looked.wait(10)
    assert speaker(kept) == "next"


def test_a_promotion_that_is_seen_after_a_later_one_counts(
    keeper: tuple[Keeper, Path, Ledger],
) -> None:
    kept, _, ledger = keeper
    with ledger.writing() as connection:
        good = dict(connection.execute(select(releases)).mappings().one())
        first = dict(connection.execute(select(promotions)).mappings().one())
        connection.execute(insert(releases), {**good, "id": 50, "model": "clv"})
        connection.execute(insert(promotions), {**first, "id": 52})
    kept.look()
    assert set(kept.champions) == {KEY}
    # of two at the same time, the one that was numbered first may be seen last
    late = {**first, "id": 51, "release_id": 50, "model": "clv"}
    with ledger.writing() as connection:
        connection.execute(insert(promotions), late)
    kept.look()
    assert set(kept.champions) == {KEY, ("clv", *KEY[1:])}
