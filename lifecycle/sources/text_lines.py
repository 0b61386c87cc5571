"""A text file in blocks of whole lines, as UTF-8, whatever mixture it was written in."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lifecycle.errors import TableError

BLOCK_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def read_blocks(path: Path, *, quoted: bool) -> Iterator[bytes]:
    """Yield blocks that end at the end of a line; with ``quoted``, not inside double quotes.

    Raises
    ------
    TableError
        The file is empty, cannot be read, is cut off (gzip), or is UTF-16.
    """
    try:
        with _open(path) as handle:
            yield from _blocks(handle, quoted=quoted, name=path.name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableError(f"{path.name}: {error}", "a whole gzip file", "export it again") from error
    except OSError as error:
        raise TableError(f"{path.name}: {error}", "a readable file", "check the path") from error


def _open(path: Path) -> gzip.GzipFile | IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _blocks(handle: gzip.GzipFile | IO[bytes], *, quoted: bool, name: str) -> Iterator[bytes]:
    rest = handle.read(BLOCK_BYTES)
    if not rest.strip():
        raise TableError(f"{name} is empty", "a header and rows", "export it again")
    if rest[:2] in _WIDE:
        raise TableError(f"{name} is UTF-16", "UTF-8", "save it as UTF-8")
    rest = rest.removeprefix(_BOM)
    while True:
        more = handle.read(BLOCK_BYTES)
        if not more:
            yield rest if rest.endswith(b"\n") else rest + b"\n"
            return
        cut = _last_line_end(rest, quoted=quoted)
        if cut:
            yield rest[:cut]
        rest = rest[cut:] + more


def _last_line_end(block: bytes, *, quoted: bool) -> int:
    """Return where the last whole line ends; a newline within quotes ends no line.

    A stray quote makes every later newline seem quoted; then the last newline is taken.
    """
    last = block.rfind(b"\n") + 1
    if not quoted or block.count(b'"', 0, last) % 2 == 0:
        return last
    quote = block.rfind(b'"', 0, last)
    before = block.rfind(b"\n", 0, quote) + 1
    while before and block.count(b'"', 0, before) % 2:
        quote = block.rfind(b'"', 0, before)
        before = block.rfind(b"\n", 0, quote) + 1
    return before or last


def to_utf8(block: bytes) -> tuple[bytes, int]:
    r"""Return the block as UTF-8 and how many lines had to be read as Windows-1252.

    Examples
    --------
    >>> to_utf8("Müller\n".encode() + "Müller\n".encode("cp1252"))[1]
    1
    """
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return _line_by_line(block)
    return block, 0


def _line_by_line(block: bytes) -> tuple[bytes, int]:
    lines, repaired = block.split(b"\n"), 0
    for place, line in enumerate(lines):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            lines[place] = line.decode("cp1252", errors="replace").encode("utf-8")
            repaired += 1
    return b"\n".join(lines), repaired
