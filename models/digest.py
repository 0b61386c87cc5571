"""The digest that a bundle of files is known by; light, so that any process can check it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def compute_digest(files: Mapping[str, bytes]) -> str:
    """Compute the SHA-256 over the files' names and contents, in the order of names.

    Examples
    --------
    >>> one = compute_digest({"a.json": b"1", "b.json": b"2"})
    >>> one == compute_digest({"b.json": b"2", "a.json": b"1"})
    True
    >>> one == compute_digest({"a.json": b"12", "b.json": b""})
    False
    """
    total = hashlib.sha256()
    for name in sorted(files):
        content = hashlib.sha256(files[name]).hexdigest()
        total.update(f"{name}\n{len(files[name])}\n{content}\n".encode())
    return total.hexdigest()
