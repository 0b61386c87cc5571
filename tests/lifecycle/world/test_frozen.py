from __future__ import annotations

from pathlib import Path

from lifecycle.world.frozen import FROZEN, world_digest

RULE = (
    "the world changed after models were tuned on it: write a decision record that says why, "
    "measure the published figures again, and put the new digest into lifecycle/world/frozen.py"
)


def test_a_change_of_the_world_needs_a_decision_record() -> None:
    assert world_digest() == FROZEN, RULE


def test_comments_and_docstrings_may_change(tmp_path: Path) -> None:
    (tmp_path / "law.py").write_text('"""One."""\nRISK = 1.5\n')
    before = world_digest(tmp_path)
    (tmp_path / "law.py").write_text('"""Two."""\n# why\nRISK = (\n    1.5\n)\n')
    assert world_digest(tmp_path) == before


def test_a_coefficient_may_not_change_unseen(tmp_path: Path) -> None:
    (tmp_path / "law.py").write_text("RISK = 1.5\n")
    before = world_digest(tmp_path)
    (tmp_path / "law.py").write_text("RISK = 1.6\n")
    assert world_digest(tmp_path) != before
