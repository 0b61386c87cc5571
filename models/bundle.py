"""A fitted model as a data-only folder: LightGBM texts and JSON, named by their digest.

A bundle is read in three steps, each of which must pass before the next begins: (1) the files'
names, kinds and sizes, (2) the digest, which the caller got from the ledger and not from the
folder, (3) a child process that parses every LightGBM text and answers its golden rows, because a
damaged text kills the process that parses it. Nothing is ever unpickled. This module imports
neither pandas, pyarrow nor scikit-learn, so that the slim web process can read bundles.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from lifecycle.crashpoint import crashpoint
from lifecycle.errors import BundleError
from models import golden
from models.digest import compute_digest
from models.parts import TODO

FORMAT = 1
LARGEST_BYTES = 64 * 1024 * 1024
MOST_FILES = 64
CHILD_SECONDS = 120
META_FILE, GOLDEN_FILE = "bundle.json", "golden.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,60}\.(txt|json)")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def save_bundle(
    folder: Path, model_class: str, parts: Mapping[str, bytes], meta: Mapping[str, Any]
) -> str:
    """Save a fitted model under ``folder/<digest>``, at once or not at all.

    Parameters
    ----------
    folder
        Where bundles live; created with mode 0700.
    model_class
        Name of the model's class, by which a reader chooses how to rebuild it.
    parts
        File name (``name.txt``: LightGBM text, ``name.json``: JSON) to content.
    meta
        JSON values that describe the model. Anything that changes from run to run (a clock, a
        run id) does not belong here: equal models shall have equal digests.

    Returns
    -------
    str
        The digest (64 hexadecimal digits). Saving the same content again changes nothing.

    Raises
    ------
    BundleError
        A name, a size or a JSON content is not allowed.
    """
    files = dict(parts)
    for name in (META_FILE, GOLDEN_FILE):
        if name in files:
            _refuse(f"a part named {name}", "another name", "rename the part")
    _check_files(files)
    about = {"format": FORMAT, "model_class": model_class, "meta": dict(meta)}
    files[META_FILE] = _to_json(META_FILE, about)
    files[GOLDEN_FILE] = _to_json(GOLDEN_FILE, _answer_golden(files))
    _check_files(files)
    for name in _names(files, ".json"):
        _from_json(name, files[name])
    digest = compute_digest(files)
    if _is_damaged(folder / digest):
        _remove(folder / digest)
    if not (folder / digest).exists():
        _write_folder(folder, digest, files)
    return digest


def load_bundle(folder: Path, digest: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Load the bundle ``folder/<digest>`` after all three checks of this module.

    Parameters
    ----------
    folder
        Where bundles live.
    digest
        The digest that the ledger holds for the release.

    Returns
    -------
    tuple
        The meta as saved, with ``model_class`` added, and the parts by file name.

    Raises
    ------
    BundleError
        The folder is missing or altered, or a LightGBM text does not answer as it did.
    """
    if not _DIGEST.fullmatch(digest):
        _refuse(f"bundle digest {digest[:80]!r}", "64 hexadecimal digits", "take it from a release")
    files = _read_folder(folder / digest)
    found = compute_digest(files)
    if found != digest:
        _refuse(f"bundle digest {found}", f"{digest}", TODO)
    about = _from_json(META_FILE, files.pop(META_FILE, b"null"))
    answers = _from_json(GOLDEN_FILE, files.pop(GOLDEN_FILE, b"null"))
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        _refuse(f"a bundle not of format {FORMAT}", f"format {FORMAT}", "use the version it is of")
    for name in _names(files, ".json"):
        _from_json(name, files[name])
    _check_in_child({name: files[name] for name in _names(files, ".txt")}, answers)
    return {**about["meta"], "model_class": about["model_class"]}, files


def _refuse(found: str, expected: str, todo: str) -> NoReturn:
    raise BundleError(found, expected, todo)


def _names(files: Mapping[str, bytes], ending: str) -> list[str]:
    return sorted(name for name in files if name.endswith(ending))


def _to_json(name: str, value: object) -> bytes:
    try:
        text = json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        _refuse(f"{name}: {error}", "finite JSON values", "correct the model's meta")
    return text.encode()


def _from_json(name: str, content: bytes) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(content.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        _refuse(f"{name} is not JSON: {error}", "finite JSON values", TODO)


def _check_files(files: Mapping[str, bytes]) -> None:
    for name in files:
        if not _NAME.fullmatch(name):
            _refuse(f"a file named {name[:80]!r}", "lower-case *.txt or *.json", TODO)
    size = sum(len(content) for content in files.values())
    if len(files) > MOST_FILES or size > LARGEST_BYTES:
        _refuse(
            f"{len(files)} files of {size:,} bytes",
            f"at most {MOST_FILES} files and {LARGEST_BYTES:,} bytes",
            "train a smaller model",
        )


def _answer_golden(files: Mapping[str, bytes]) -> dict[str, list[float]]:
    return {name: golden.predict_text(files[name].decode()) for name in _names(files, ".txt")}


def _is_damaged(folder: Path) -> bool:
    """Whether there is something that is not the bundle of its name: training again mends it."""
    try:
        return folder.exists() and compute_digest(_read_folder(folder)) != folder.name
    except BundleError:
        return True


def _remove(place: Path) -> None:
    try:
        place.unlink() if place.is_symlink() or place.is_file() else shutil.rmtree(place)
    except OSError as error:
        _refuse(f"a damaged bundle stays: {error.strerror}", "a writable folder", "remove it")


def _write_folder(folder: Path, digest: str, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = Path(tempfile.mkdtemp(prefix=".saving-", dir=folder))
    try:
        for name, content in files.items():
            with open(scratch / name, "xb", opener=_open_private) as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
        crashpoint("bundle.written")
        _sync_folder(scratch)
        scratch.rename(folder / digest)
        _sync_folder(folder)
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        if not (folder / digest).exists():
            _refuse(f"bundle not written: {error.strerror}", "a writable folder", "free space")
    crashpoint("bundle.saved")


def _sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk: the ledger is about to name the bundle for good."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read_folder(folder: Path) -> dict[str, bytes]:
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            _refuse(f"{folder.name} is not a folder", "a bundle's folder", TODO)
        names = sorted(entry.name for entry in os.scandir(folder))
        if len(names) > MOST_FILES or not all(_NAME.fullmatch(name) for name in names):
            _refuse("files a bundle never has", "lower-case *.txt or *.json", TODO)
        sizes = [(folder / name).lstat() for name in names]
        if not all(stat.S_ISREG(one.st_mode) for one in sizes):
            _refuse("a link or a device in the bundle", "plain files", TODO)
        if sum(one.st_size for one in sizes) > LARGEST_BYTES:
            _refuse("a bundle too large", f"at most {LARGEST_BYTES:,} bytes", TODO)
        return {name: _read_file(folder / name) for name in names}
    except OSError as error:
        _refuse(f"bundle {folder.name[:12]}… cannot be read: {error.strerror}", "its files", TODO)


def _read_file(path: Path) -> bytes:
    # O_NOFOLLOW: the file may have become a link since it was looked at
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as source:
        return source.read(LARGEST_BYTES + 1)


def _check_in_child(texts: Mapping[str, bytes], answers: Any) -> None:
    if not isinstance(answers, dict) or set(answers) != set(texts):
        _refuse("golden rows for other parts", "golden rows for every LightGBM text", TODO)
    if not texts:
        return
    asked = {name: {"text": texts[name].decode(), "answers": answers[name]} for name in texts}
    try:
        done = subprocess.run(
            [sys.executable, "-I", golden.__file__],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=CHILD_SECONDS,
            env={"OMP_NUM_THREADS": "1", "PATH": os.environ.get("PATH", "")},
            check=False,
        )
    except subprocess.TimeoutExpired:
        _refuse(f"no golden answer in {CHILD_SECONDS} s", "equal answers", TODO)
    except OSError as error:
        _refuse(f"no child process: {error.strerror}", "memory and handles for one", "free some")
    if done.returncode != 0:
        _refuse(f"golden rows: child left with {done.returncode}", "equal answers", TODO)
