"""What a job is to work on where that is too large for its row: lines, kept until the job ends."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from sqlalchemy import Connection, insert, select

from ledger.engine import Ledger
from ledger.job_tables import job_inputs

PART_BYTES = 1024 * 1024
QUICKEST = 1


class Spool:
    """Lines on their way into the ledger, held compressed."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(QUICKEST)
        self._packed = bytearray()
        self.lines = 0

    def add(self, line: bytes) -> None:
        """Take one line, without its end."""
        self.lines += 1
        self._packed += self._packer.compress(line)
        self._packed += self._packer.compress(b"\n")

    def write(self, connection: Connection, job_id: int) -> None:
        """Keep the lines for a job, in the transaction that asks for it."""
        # of a copy, for a transaction may be tried again
        packed = self._packed + self._packer.copy().flush()
        rows = [
            {"job_id": job_id, "part": part, "content": bytes(packed[at : at + PART_BYTES])}
            for part, at in enumerate(range(0, len(packed), PART_BYTES))
        ]
        connection.execute(insert(job_inputs), rows)


def read_input(ledger: Ledger, job_id: int) -> Iterator[bytes]:
    """Yield the lines that a job was given, without their ends; none if it was given none."""
    unpacker, rest, part = zlib.decompressobj(), b"", 0
    while True:
        query = select(job_inputs.c.content)
        query = query.where(job_inputs.c.job_id == job_id, job_inputs.c.part == part)
        with ledger.reading() as connection:
            content = connection.scalar(query)
        if content is None:
            return
        *lines, rest = (rest + unpacker.decompress(content)).split(b"\n")
        yield from lines
        part += 1
