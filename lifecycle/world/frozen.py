"""The world's law is frozen before any model is tuned on it: this is its digest.

A generator that is changed while models are tuned on it ends up flattering them. So whoever
changes what this digest covers writes a decision record (``docs/decisions/``) that says why, and
measures every published figure again. Comments and docstrings are not covered: they may change.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent

# what only tells or stores: no draw and no law lies in these
OUTSIDE = ("__init__.py", "frozen.py", "writing.py")

FROZEN = "b5f81d61b43e31d6e23280c4d74d8de9"


def world_digest(folder: Path = HERE) -> str:
    """Return the digest of all code that makes a world, its observables or its truth.

    Parameters
    ----------
    folder
        Where the modules lie.

    Returns
    -------
    Hexadecimal digest over the modules' names and syntax trees, the same on every version of
    Python, line break and comment style.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        if path.name not in OUTSIDE:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for word in (path.name, *_words(tree)):
                digest.update(word.encode())
                digest.update(b"\0")
    return digest.hexdigest()[:32]


def _words(node: ast.AST) -> Iterator[str]:
    """Yield a tree as words: kinds of nodes and their values, without places and docstrings."""
    yield type(node).__name__
    for name, value in ast.iter_fields(node):
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, ast.AST):
                if not _is_note(one):
                    yield name
                    yield from _words(one)
            elif one is not None and name not in {"kind", "type_comment"}:
                yield f"{name}={one!r}"
    yield "."


def _is_note(node: ast.AST) -> bool:
    """Tell a bare text: a docstring, or the note below a constant."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
