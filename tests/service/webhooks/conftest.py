from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.keys import load_pepper
from tests.ledger.story import new_ledger
from tests.postgresql import database as database
from tests.postgresql import tmp_path_factory as tmp_path_factory
from tests.service.webhooks.receiver import Receiver


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    load_pepper(tmp_path)
    return new_ledger(tmp_path)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made
