"""Who trained a release does not promote it, and none is promoted that was never judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger import promotion
from ledger.audit import Actor, read_audit
from ledger.engine import Ledger
from ledger.promotion import PROMOTED, ROLLED_BACK, Decision, decide_release
from ledger.releases import Release, read_champion, read_releases, write_release
from lifecycle.errors import ConflictError, RefusedError, UsageError
from tests.ledger.story import DAY, DIGEST, KNOWN

TRAINER, APPROVER = Actor("cli:ann"), Actor("key:ab12cd34", role="approver")
WHY = "drift of the newest one"
RELEASE = Release(
    model="churn", horizon_days=90, route="non_contractual", candidate="blend", version="1",
    digest=DIGEST, as_of=DAY, created_at=KNOWN, metrics={"auc": 0.8}, card={"purpose": "who"},
)  # fmt: skip


def _release(ledger: Ledger, version: str = "1", **changed: object) -> int:
    made = replace(RELEASE, version=version, **changed)  # type: ignore[arg-type]
    return write_release(ledger, made, promote=version == "1", by=TRAINER)


def _decide(ledger: Ledger, release_id: int, by: Actor = APPROVER, **changed: object) -> str | None:
    """Let a release speak; return the version that spoke before."""
    given = {"action": PROMOTED, "reason": WHY, **changed}
    chosen = next(one for one in read_releases(ledger) if one.release_id == release_id)
    with ledger.writing() as connection:
        before = decide_release(connection, chosen, Decision(by, **given))  # type: ignore[arg-type]
    return before and before.version


def _champion(ledger: Ledger) -> str:
    return read_champion(ledger, "churn", horizon_days=90).version


def test_an_approver_promotes_and_rolls_back(ledger: Ledger) -> None:
    first, second = _release(ledger), _release(ledger, "2")
    assert _decide(ledger, second) == "1"
    assert _champion(ledger) == "2"
    assert _decide(ledger, first, TRAINER, action=ROLLED_BACK) == "2"
    assert _champion(ledger) == "1"
    assert [row.action for row in read_audit(ledger)][-2:] == ["models.promote", "models.rollback"]


def _check_segregated(ledger: Ledger) -> None:
    _release(ledger)
    second = _release(ledger, "2")
    with pytest.raises(RefusedError, match="another person"):
        _decide(ledger, second, TRAINER)
    assert _champion(ledger) == "1"


def test_a_trainer_does_not_promote_the_own_release(ledger: Ledger) -> None:
    _check_segregated(ledger)


def test_the_planted_fault_is_caught(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promotion, "find_trainer", lambda *_: None)
    with pytest.raises(pytest.fail.Exception):
        _check_segregated(ledger)


def test_breaking_the_glass_needs_a_reason_and_is_flagged(ledger: Ledger) -> None:
    _release(ledger)
    second = _release(ledger, "2")
    with pytest.raises(UsageError, match="reason"):
        _decide(ledger, second, TRAINER, reason=" soon ", break_glass=True)
    _decide(ledger, second, TRAINER, break_glass=True)
    last = list(read_audit(ledger))[-1]
    assert (last.principal, last.break_glass, last.reason) == ("cli:ann", True, WHY)


@pytest.mark.parametrize("missing", ["metrics", "card"])
def test_a_release_that_was_never_judged_is_not_promoted(ledger: Ledger, missing: str) -> None:
    _release(ledger)
    with pytest.raises(ConflictError, match="no evaluation"):
        _decide(ledger, _release(ledger, "2", **{missing: {}}))


def test_what_speaks_already_is_refused(ledger: Ledger) -> None:
    first = _release(ledger)
    with pytest.raises(ConflictError, match="speaks already"):
        _decide(ledger, first)
