"""A bundle is refused before anything parses it unless every byte is as the ledger says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from lifecycle.errors import BundleError
from models import bundle, golden
from models.bundle import load_bundle, save_bundle
from models.digest import compute_digest


@pytest.fixture(scope="module")
def text() -> bytes:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(400, 4))
    data = lightgbm.Dataset(rows, rows[:, 0] + rng.normal(size=400))
    options = {"verbose": -1, "num_leaves": 7, "num_threads": 1}
    return lightgbm.train(options, data, 10).model_to_string().encode()


@pytest.fixture(scope="module")
def parts(text: bytes) -> Mapping[str, bytes]:
    return {"booster.txt": text, "logistic.json": b'{"weights": [0.5, -0.25]}'}


@pytest.fixture
def saved(tmp_path: Path, parts: Mapping[str, bytes]) -> tuple[Path, str]:
    return tmp_path, save_bundle(tmp_path, "Blend", parts, {"as_of": "2011-12-10"})


def _mutate(folder: Path, number: int) -> None:
    names = sorted(path.name for path in folder.iterdir())
    path = folder / names[number % len(names)]
    content, rng = path.read_bytes(), np.random.default_rng(number)
    spot = int(rng.integers(0, len(content)))
    if number % 3 == 0:
        path.write_bytes(content[:spot])
    elif number % 3 == 1:
        path.write_bytes(content[:spot] + bytes([content[spot] ^ 1]) + content[spot + 1 :])
    else:
        path.write_bytes(content[:spot] + b"\x00junk" + content[spot:])


@pytest.mark.parametrize("number", range(60))
def test_a_mutant_is_refused_before_any_parser_sees_it(
    saved: tuple[Path, str], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, digest = saved
    _mutate(folder / digest, number)
    monkeypatch.setattr(bundle, "_from_json", lambda *_: pytest.fail("parsed"))
    monkeypatch.setattr(bundle, "_check_in_child", lambda *_: pytest.fail("parsed"))
    with pytest.raises(BundleError, match=f"expected {digest}"):
        load_bundle(folder, digest)


def test_what_was_saved_comes_back(saved: tuple[Path, str], parts: Mapping[str, bytes]) -> None:
    meta, found = load_bundle(*saved)
    assert found == parts
    assert meta == {"as_of": "2011-12-10", "model_class": "Blend"}


def test_the_same_content_has_the_same_digest(
    saved: tuple[Path, str], parts: Mapping[str, bytes]
) -> None:
    folder, digest = saved
    turned = dict(reversed(list(parts.items())))
    assert save_bundle(folder, "Blend", turned, {"as_of": "2011-12-10"}) == digest
    assert [path.name for path in folder.iterdir()] == [digest]


def test_another_class_has_another_digest(
    saved: tuple[Path, str], parts: Mapping[str, bytes]
) -> None:
    folder, digest = saved
    assert save_bundle(folder, "Other", parts, {"as_of": "2011-12-10"}) != digest


def test_swapped_bundles_are_refused(saved: tuple[Path, str], parts: Mapping[str, bytes]) -> None:
    folder, digest = saved
    other = save_bundle(folder, "Other", parts, {})
    (folder / digest).rename(folder / "aside")
    (folder / other).rename(folder / digest)
    with pytest.raises(BundleError, match="bundle digest"):
        load_bundle(folder, digest)


def test_a_linked_file_is_refused(saved: tuple[Path, str]) -> None:
    folder, digest = saved
    path = folder / digest / "logistic.json"
    path.rename(folder / "elsewhere.json")
    path.symlink_to(folder / "elsewhere.json")
    with pytest.raises(BundleError, match="a link"):
        load_bundle(folder, digest)


def test_a_linked_folder_is_refused(saved: tuple[Path, str]) -> None:
    folder, digest = saved
    (folder / digest).rename(folder / "elsewhere")
    (folder / digest).symlink_to(folder / "elsewhere", target_is_directory=True)
    with pytest.raises(BundleError, match="not a folder"):
        load_bundle(folder, digest)


def test_an_extra_file_is_refused(saved: tuple[Path, str]) -> None:
    folder, digest = saved
    (folder / digest / "model.pkl").write_bytes(b"cos\nsystem\n")
    with pytest.raises(BundleError, match="files a bundle never has"):
        load_bundle(folder, digest)


def test_an_empty_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / ("0" * 64)).mkdir()
    for digest in ("0" * 64, "1" * 64):
        with pytest.raises(BundleError):
            load_bundle(tmp_path, digest)


@pytest.mark.parametrize("digest", ["", "../../etc", "A" * 64, "0" * 63])
def test_a_digest_is_64_hexadecimal_digits(tmp_path: Path, digest: str) -> None:
    with pytest.raises(BundleError, match="64 hexadecimal"):
        load_bundle(tmp_path, digest)


def test_a_text_that_kills_its_parser_does_not_kill_us(
    saved: tuple[Path, str], text: bytes
) -> None:
    folder, digest = saved
    (folder / digest / "booster.txt").write_bytes(text.replace(b"num_leaves=7", b"num_leaves=0"))
    files = {path.name: path.read_bytes() for path in (folder / digest).iterdir()}
    forged = compute_digest(files)
    (folder / digest).rename(folder / forged)
    with pytest.raises(BundleError, match="child left with"):
        load_bundle(folder, forged)


def test_a_text_that_answers_otherwise_is_refused(text: bytes) -> None:
    answers = [value + 1e-6 for value in golden.predict_text(text.decode())]
    asked = json.dumps({"booster.txt": {"text": text.decode(), "answers": answers}})
    command = [sys.executable, "-I", golden.__file__]
    done = subprocess.run(command, input=asked.encode(), capture_output=True, check=False)
    assert (done.returncode, b'"wrong": ["booster.txt"]' in done.stdout) == (1, True)


@pytest.mark.parametrize(
    "name", ["model.pkl", "../x.json", "Model.txt", "bundle.json", "golden.json"]
)
def test_only_named_kinds_of_parts_are_saved(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError):
        save_bundle(tmp_path, "Blend", {name: b"{}"}, {})


def test_what_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not JSON"):
        save_bundle(tmp_path, "Blend", {"a.json": b'{"x": NaN}'}, {})
    with pytest.raises(BundleError, match="finite"):
        save_bundle(tmp_path, "Blend", {}, {"x": float("inf")})


def test_a_bundle_over_the_limit_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "LARGEST_BYTES", 1000)
    with pytest.raises(BundleError, match="at most"):
        save_bundle(tmp_path, "Blend", {"a.json": b" " * 1000 + b"1"}, {})


def test_others_cannot_read_a_bundle(saved: tuple[Path, str]) -> None:
    folder, digest = saved
    modes = [path.stat().st_mode & 0o077 for path in (folder / digest).iterdir()]
    assert [(folder / digest).stat().st_mode & 0o077, *modes] == [0] * (len(modes) + 1)


def test_the_reader_needs_no_table_library() -> None:
    code = (
        "import sys; import models.bundle; "
        "bad = {'pandas', 'pyarrow', 'sklearn', 'scipy', 'ibis', 'mlflow'} & set(sys.modules); "
        "sys.exit(len(bad))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_child_process_is_a_refusal_like_any_other(
    saved: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(BundleError, match="no child process"):
        load_bundle(*saved)


@pytest.mark.parametrize("damage", ["altered", "emptied", "linked"])
def test_training_again_mends_a_damaged_bundle(
    saved: tuple[Path, str], parts: Mapping[str, bytes], damage: str
) -> None:
    folder, digest = saved
    if damage == "linked":
        (folder / digest).rename(folder / "other")
        (folder / digest).symlink_to(folder / "other")
    else:
        content = b"[0.5]" if damage == "altered" else b""
        (folder / digest / "logistic.json").write_bytes(content)
    with pytest.raises(BundleError):
        load_bundle(folder, digest)
    assert save_bundle(folder, "Blend", parts, {"as_of": "2011-12-10"}) == digest
    assert load_bundle(folder, digest)[1] == parts
