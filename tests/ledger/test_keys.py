from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.keys import (
    KeyRequest,
    create_key,
    find_key_id,
    hash_key,
    load_pepper,
    read_key,
    read_keys,
    revoke_key,
)
from lifecycle.errors import LedgerError, UsageError

REQUEST = KeyRequest("reader", ["risk:read"], label="crm")


def test_a_key_is_kept_as_its_hmac_only(ledger: Ledger, tmp_path: Path) -> None:
    pepper = load_pepper(tmp_path)
    text, key = create_key(ledger, pepper, REQUEST)
    assert read_key(ledger, key.key_id) == key
    assert key.secret_hash == hash_key(pepper, text)
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert text.split("_", 3)[3].encode() not in stored


def test_the_form_and_checksum_find_the_id(ledger: Ledger, tmp_path: Path) -> None:
    text, key = create_key(ledger, load_pepper(tmp_path), REQUEST)
    assert find_key_id(text) == key.key_id
    assert find_key_id(text.replace("live", "test")) is None
    assert find_key_id(text + "\n") is None


def test_a_revoked_or_expired_key_does_not_live(ledger: Ledger, tmp_path: Path) -> None:
    _, key = create_key(ledger, load_pepper(tmp_path), REQUEST)
    now = datetime.now(UTC)
    assert key.lives(now)
    assert not key.lives(now + timedelta(days=91))
    revoked = revoke_key(ledger, key.key_id)
    assert not revoked.lives(now)
    assert revoke_key(ledger, key.key_id) == revoked


def test_all_keys_are_listed(ledger: Ledger, tmp_path: Path) -> None:
    pepper = load_pepper(tmp_path)
    made = {create_key(ledger, pepper, REQUEST)[1].key_id for _ in range(3)}
    assert {key.key_id for key in read_keys(ledger)} == made


def test_revoking_an_unknown_key_is_a_usage_error(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="no key"):
        revoke_key(ledger, "zzzzzzzz")


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_key_lives_between_one_day_and_a_year(ledger: Ledger, tmp_path: Path, days: int) -> None:
    with pytest.raises(UsageError, match="days"):
        create_key(ledger, load_pepper(tmp_path), KeyRequest("reader", [], days=days))


def test_the_pepper_is_made_once_and_private(tmp_path: Path) -> None:
    first = load_pepper(tmp_path)
    assert load_pepper(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "pepper").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["pepper"]


@pytest.mark.parametrize(("mode", "content"), [(0o644, b"x" * 32), (0o600, b"short"), (0o600, b"")])
def test_a_pepper_others_can_read_or_guess_is_refused(
    tmp_path: Path, mode: int, content: bytes
) -> None:
    (tmp_path / "pepper").write_bytes(content)
    (tmp_path / "pepper").chmod(mode)
    with pytest.raises(LedgerError, match="pepper"):
        load_pepper(tmp_path)
