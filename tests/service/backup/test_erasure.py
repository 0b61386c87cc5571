"""An erased person is nowhere left, and nothing that is said of accounts changes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from features.contract_frame import contract_frame
from features.deals.landmarks import deal_frame
from ledger.audit import name_subject, read_audit
from ledger.audit_check import verify_audit
from ledger.engine import Ledger, open_ledger
from ledger.jobs import cancel_job, enqueue, read_job
from ledger.pepper import load_pepper
from lifecycle.history import open_history
from lifecycle.lake import Lake
from service import cli_backup
from service.backup import make
from service.erasure import Report, erase_subject
from tests.builders import account, build_lake, fact
from tests.ledger.story import address
from tests.postgresql import find_binary, make_address
from tests.service.backup.busy_company import BY
from tests.service.refresh.company import FIRST, build_company
from tests.service.refresh.deal_company import build_deals

WHO = "003xxCANARYxx7"
CANARIES = (WHO, "Zuleika Quillfeather", "zuleika@quillfeather.example", "+49 151 99887766")
DAY = date(2021, 4, 1)
SUBJECT = f"contact:{WHO}"
# the facts do not depend on the kind of ledger
only_once = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def people(batch: int) -> dict[str, list[dict[str, Any]]]:
    """Two people of one account, and what was done with them; one is to be forgotten."""
    day = DAY + timedelta(days=batch)
    both = (WHO, f"other{batch}")
    found: dict[str, list[dict[str, Any]]] = {"attributes": [], "activities": [], "usage": []}
    found["contacts"] = [fact(day, contact_id=one, account_id="C05", role=f"buyer{batch}")
                         for one in both]  # fmt: skip
    found["leads"] = [fact(day, lead_id=f"L{batch}", contact_id=WHO, created_at=at(day))]
    for place, one in enumerate(both):
        told = {"contact_id": one, "account_id": "C05"}
        seen = {"metric": "logins", "span_days": 1.0, "quantity": 3.0}
        found["activities"].append(fact(day, activity_id=f"a{place}-{batch}", kind="call",
                                        occurred_at=at(day), **told))  # fmt: skip
        found["usage"].append(fact(day, usage_id=f"u{place}-{batch}", used_at=at(day),
                                   **seen, **told))  # fmt: skip
    texts = zip(("contact", "contact", "lead"), CANARIES[1:], (WHO, WHO, f"L{batch}"), strict=True)
    found["attributes"] += [fact(day, entity=entity, entity_id=key, name=f"f{place}", text=text)
                            for place, (entity, text, key) in enumerate(texts)]  # fmt: skip
    found["attributes"].append(fact(day, entity="account", entity_id="C05", name="tier", text="A"))
    return found


def at(day: date) -> Any:
    return fact(day)["known_at"]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every test begins with, a lake that knows a person."""
    folder = tmp_path_factory.mktemp("facts")
    build_lake(folder, accounts=[account("C05")], **people(1))
    build_lake(folder, batch="b2", **people(2))
    return folder


@pytest.fixture
def folder(facts: Path, tmp_path: Path) -> Path:
    """A company that knows a person, in facts, in refused rows and in a job."""
    folder = tmp_path / "data"
    shutil.copytree(facts, folder)
    write_quarantine(folder / "quarantine")
    load_pepper(folder)
    with closing(open_ledger(make_address(folder))) as ledger, ledger.writing() as connection:
        cancel_job(connection, enqueue(connection, "erase", {"subject": SUBJECT}, by="key:privacy"))
    return folder


# letters outside of Latin-1, and a separator that JSON leaves within a line
OTHERS = {"id": "x", "note": "M\u00fcller\u2028\u20ac 5"}


def write_quarantine(folder: Path) -> None:
    folder.mkdir()
    rows = [{"id": WHO}, {"note": f"call {CANARIES[1]}"}, OTHERS]
    lines = [json.dumps({"line": 1, "row": row}, ensure_ascii=False) + "\n" for row in rows]
    (folder / "b.jsonl").write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def ledger(folder: Path) -> Iterator[Ledger]:
    with closing(open_ledger(address(folder))) as opened:
        yield opened


def find_traces(folder: Path) -> set[str]:
    """Return which of the person's texts are found: in bytes, in tables, in the database."""
    found: set[str] = set()
    for path in (one for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += repr(pq.read_table(path, partitioning=None).to_pylist()).encode()
        found |= {one for one in CANARIES if one.encode() in content}
    if address(folder).startswith("postgresql"):
        words = [find_binary("pg_dump"), address(folder).replace("+psycopg", "")]
        told = subprocess.run(words, capture_output=True, check=True).stdout
        found |= {one for one in CANARIES if one.encode() in told}
    return found


def erase(folder: Path, ledger: Ledger) -> Report:
    return erase_subject(folder, ledger, SUBJECT, by=BY)


def test_an_erased_person_is_nowhere_left(folder: Path, ledger: Ledger) -> None:
    assert find_traces(folder) == set(CANARIES)
    report = erase(folder, ledger)
    assert find_traces(folder) == set()
    assert report.told()["renamed_rows"] == {"contacts": 2, "leads": 2, "usage": 2, "activities": 2}
    assert (report.told()["removed_rows"], report.erased.quarantined) == ({"attributes": 4}, 2)
    (kept,) = (folder / "quarantine" / "b.jsonl").read_bytes().splitlines()
    assert json.loads(kept)["row"] == OTHERS
    job = read_job(ledger, 1)
    assert job is not None
    assert job.payload == {"erased": report.subject}


@pytest.mark.parametrize("is_told", [True, False])
@only_once
def test_a_backup_under_way_is_counted_and_a_planted_silence_is_caught(
    folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    """The person is erased after the lake was copied, and before the backup is done."""
    reports: list[Report] = []
    monkeypatch.setitem(make.COPIERS, "training", lambda _: reports.append(erase(folder, ledger)))
    if not is_told:
        monkeypatch.setattr(cli_backup, "_note", lambda *_: None)
    cli_backup.backup(folder.parent / "copy", folder, json=True)
    assert reports[0].backups == (1 if is_told else 0)
    assert WHO in find_traces(folder.parent / "copy")


def forget_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lake, "forget", lambda self, table, since=0.0: 0)


def leave_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.erasure.settle", lambda ledger: None)


@pytest.mark.parametrize("fault", [forget_nothing, leave_the_log])
def test_the_planted_fault_is_caught(
    folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    fault(monkeypatch)
    erase(folder, ledger)
    is_files_alone = fault is leave_the_log and ledger.path is None
    assert bool(find_traces(folder)) is not is_files_alone


@only_once
def test_features_of_accounts_stay_the_same(tmp_path: Path) -> None:
    build_company(tmp_path, shoppers=False)
    for batch in (1, 2):
        build_lake(tmp_path, batch=f"people{batch}", **people(batch))

    def frame() -> list[dict[str, Any]]:
        history = open_history(tmp_path / "lake", zone=ZoneInfo("UTC"))
        return contract_frame(history.as_of(FIRST)).to_pylist()

    before = frame()
    assert max(row["contacts_count"] for row in before) == 3  # or nothing would be at stake
    with closing(open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as ledger:
        erase(tmp_path, ledger)
    assert repr(frame()) == repr(before)


@only_once
def test_features_of_deals_stay_the_same(tmp_path: Path) -> None:
    calls = [
        fact(day, activity_id=f"a{i}", opportunity_id=f"D{i % 9:03d}", kind="call",
             contact_id=WHO if i % 3 else f"p{i % 5}", direction="out", occurred_at=at(day))
        for i in range(60) for day in [date(2020, 2, 1) + timedelta(days=4 * i)]
    ]  # fmt: skip
    build_deals(tmp_path, activities=calls, contacts=[fact(DAY, contact_id=WHO, account_id="A1")])

    def frame() -> list[dict[str, Any]]:
        history = open_history(tmp_path / "lake", zone=ZoneInfo("UTC"))
        return deal_frame(history.as_of(FIRST)).to_pylist()

    before = frame()
    with closing(open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as ledger:
        assert erase(tmp_path, ledger).erased.renamed["activities"] == 40
    assert repr(frame()) == repr(before)


def test_a_second_erasure_finds_nothing_left(folder: Path, ledger: Ledger) -> None:
    first, second = erase(folder, ledger), erase(folder, ledger)
    assert (first.told()["anything_left"], second.told()["anything_left"]) == (True, False)
    assert second.erased.files == 0


def test_the_log_names_the_person_by_a_hash_alone(folder: Path, ledger: Ledger) -> None:
    erase(folder, ledger)
    rows = [row for row in read_audit(ledger) if row.action == "privacy.erase"]
    assert [row.object for row in rows] == [name_subject(load_pepper(folder), SUBJECT)]
    assert WHO not in repr(rows)
    verify_audit(ledger, folder)


def test_a_lake_written_anew_takes_further_batches(folder: Path, ledger: Ledger) -> None:
    erase(folder, ledger)
    lake = build_lake(folder, batch="later", **people(3))
    rows = [row for file in lake.files("contacts") for row in pq.read_table(file).to_pylist()]
    assert len(rows) == 6
    assert erase(folder, ledger).erased.renamed["contacts"] == 1
