"""Is a published result still about the code that stands here?

A result names the commit it was measured at. It is stale when a project file that its script
imports, directly or through others, has other code now. Comments, docstrings and layout do not
count: syntax trees are compared, not texts.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from benchmarks.protocol import ROOT

FRESH, STALE, UNCOMMITTED, UNKNOWN = "fresh", "stale", "uncommitted", "unknown"
DIRTY_MARK = "+"
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _candidates(module: str) -> Iterator[str]:
    """Yield the files that importing a dotted name can run: its packages, then itself."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        stem = "/".join(parts[:end])
        yield f"{stem}/__init__.py"
        yield f"{stem}.py"


@cache
def _imports(text: str) -> tuple[str, ...]:
    """Return the files that a text's imports can run; every script reaches most of them."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(dict.fromkeys(one for name in names for one in _candidates(name)))


def _measured_elsewhere(script: Path, root: Path) -> list[Path]:
    """Read a script's ``MEASURES``: files and folders whose code runs in another process."""
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        named = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "MEASURES"
        if isinstance(node, ast.Assign) and named:
            places = [root / str(name) for name in ast.literal_eval(node.value)]
            folders = [path for place in places for path in place.rglob("*.py")]
            return [*(place for place in places if place.is_file()), *folders]
    return []


def imported_files(script: Path, root: Path = ROOT) -> set[Path]:
    """Walk the import graph from a script, without running anything.

    Parameters
    ----------
    script
        A file below ``root``.
    root
        Folder that holds the rooms.

    Returns
    -------
    set[Path]
        The script, every project file it can reach (imports inside functions included), and
        those it lists as ``MEASURES = ("truecast.py", "service")``.
    """
    found: set[Path] = set()
    # most imports are of libraries: asking the disk for each of them takes longer than all else
    own = {one.name for one in root.iterdir()}
    waiting = [script, *_measured_elsewhere(script, root)]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        names = _imports(path.read_text(encoding="utf-8"))
        files = (root / name for name in names if name.partition("/")[0] in own)
        waiting += [one for one in files if one not in found and one.is_file()]
    return found


def _git(root: Path, *arguments: str) -> str | None:
    """Run git; ``None`` when it is missing, this is no clone, or it does not know the object."""
    try:
        run = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    except OSError:
        return None
    return run.stdout if run.returncode == 0 else None


def _code(text: str) -> str:
    """Return what a text means to Python: its tree without docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        told = isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None
        if isinstance(node, DOCUMENTED) and told:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def read_commit(files: set[Path], root: Path = ROOT) -> str:
    """Return the commit that stands here; with a plus when one of the files is not committed."""
    head = (_git(root, "rev-parse", "HEAD") or "").strip()
    names = sorted(str(path.relative_to(root)) for path in files)
    changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *names)
    return head[:12] + (DIRTY_MARK if changed or not head else "")


def judge(commit: str, files: set[Path], root: Path = ROOT) -> str:
    """Tell whether a result measured at a commit is about the files that stand here.

    Parameters
    ----------
    commit
        As the result has it: a hash, with a plus when files were not committed then.
    files
        What the script imports now.
    root
        The clone.

    Returns
    -------
    str
        ``fresh``, ``stale``, ``uncommitted`` (nobody can check it out again), or ``unknown``
        (no clone, or a shallow one without that commit).
    """
    if commit.endswith(DIRTY_MARK):
        return UNCOMMITTED
    if _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        return UNKNOWN
    names = sorted(str(path.relative_to(root)) for path in files)
    changed = (_git(root, "diff", "--name-only", commit, "--", *names) or "").split()
    untracked = (_git(root, "ls-files", "--others", "--", *names) or "").split()
    for name in {*changed, *untracked}:
        before, here = _git(root, "show", f"{commit}:{name}"), root / name
        if before is None or not here.is_file() or _code(before) != _code(here.read_text("utf-8")):
            return STALE
    return FRESH
