"""What the commands of all rooms ask for in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None, typer.Option(help="Folder of the lake and the ledger [TRUECAST_DATA_DIR].")
]
"""Where the company's data is kept."""

AsOf = Annotated[str, typer.Option(help="The day to stand on: only facts known before it count.")]
"""The day a command stands on."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
"""Whether a machine reads the answer."""
