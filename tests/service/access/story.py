"""A company of many owners, teams, regions and segments, and an oracle of who sees what."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ledger.audit import Actor
from ledger.deals import DealRow
from ledger.engine import Ledger
from ledger.runs import publish_run
from ledger.scores import write_scores
from ledger.views import AtRiskRow, write_at_risk
from ledger.visible import COLUMNS, Book, write_book
from tests.ledger.deal_story import bias, deal, deal_release, publish_deals
from tests.ledger.story import contract, new_run, release, score
from tests.service.conftest import Client, make_key, open_client

TESTER = Actor("cli:tester")
VALUES: dict[str, tuple[str | None, ...]] = {
    "segment": ("smb", "mid", "large", None),
    "region": ("emea", "amer", None),
    "team": ("north", "south", None),
    "owner": ("W1", "W2", "W3", "W4", "W5", None),
}


def _place(draw: random.Random) -> dict[str, str | None]:
    return {COLUMNS[name]: draw.choice(values) for name, values in VALUES.items()}


def draw_accounts(count: int = 60) -> list[AtRiskRow]:
    draw = random.Random(7)
    status = ("at_risk", "at_risk", "lapsed")
    return [
        contract(
            f"A{i:02d}", 100.0 + i, name=f"Firm {i}", status=draw.choice(status), **_place(draw)
        )
        for i in range(count)
    ]


def draw_deals(count: int = 40) -> list[DealRow]:
    draw = random.Random(8)
    return [deal(f"O{i:02d}", 0.1 + i / 100, **_place(draw)) for i in range(count)]


def is_visible(row: object, book: Book) -> bool:
    """The plain rule, row by row: one of its pairs is in the book."""
    pairs = {(name, getattr(row, column, None)) for name, column in COLUMNS.items()}
    return bool(pairs & book.pairs)


@dataclass(frozen=True)
class Company:
    """A filled ledger, and keys that see some of it."""

    folder: Path
    ledger: Ledger
    accounts: list[AtRiskRow]
    deals: list[DealRow]

    @cached_property
    def all_rows(self) -> Client:
        return open_client(self.folder, make_key(self.folder, self.ledger))

    def client(self, role: str, book: Book | None = None) -> Client:
        if book is not None:
            write_book(self.ledger, book, TESTER)
        name = None if book is None else book.name
        return open_client(self.folder, make_key(self.folder, self.ledger, role=role, book=name))


def fill_company(folder: Path, ledger: Ledger) -> Company:
    accounts, open_deals = draw_accounts(), draw_deals()
    release_id, run_id = release(ledger), new_run(ledger)
    scored = [score(row.account_id, release_id, route="contractual") for row in accounts]
    write_scores(ledger, run_id, scored)
    write_at_risk(ledger, run_id, accounts)
    publish_run(ledger, run_id)
    deal_release(ledger)
    owners = [bias(f"W{i}", team=("north", "south")[i % 2]) for i in range(1, 6)]
    publish_deals(ledger, open_deals, owners=owners)
    return Company(folder, ledger, accounts, open_deals)
