from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from features.lines import build_lines, build_moves
from tests.features.contracts import MRR, attribute, change, merge, snapshot_of, sub

DAY = date(2021, 6, 1)
TERM = {"term_ends_on": date(2021, 9, 1), "term_months": 12, "notice_days": 60}


def lines(folder: Path, *changes: Any, day: date = DAY, **tables: Any) -> list[dict[str, Any]]:
    tables.setdefault("subscriptions", [sub(**TERM)])
    tables["subscription_changes"] = changes
    return build_lines(snapshot_of(folder, day, **tables)).to_pylist()


def ends(rows: list[dict[str, Any]]) -> list[tuple[date | None, date | None, str | None]]:
    return [(row["decided_on"], row["ended_on"], row["cause"]) for row in rows]


def test_a_line_lives_without_an_end(tmp_path: Path) -> None:
    assert ends(lines(tmp_path)) == [(None, None, None)]


def test_a_notice_ends_the_line_at_its_term(tmp_path: Path) -> None:
    found = lines(tmp_path, change("notice", date(2021, 5, 3)))
    assert ends(found) == [(date(2021, 5, 3), date(2021, 9, 1), "nonrenewal")]


def test_the_day_of_a_notice_is_the_companys_day(tmp_path: Path) -> None:
    late = datetime(2021, 5, 3, 23, 30, tzinfo=UTC)
    told = change("notice", date(2021, 5, 3), changed_at=late)
    at = snapshot_of(tmp_path, DAY, "Europe/London", subscriptions=[sub(**TERM)],
                     subscription_changes=[told])  # fmt: skip
    assert build_lines(at)["decided_on"].to_pylist() == [date(2021, 5, 4)]


def test_a_notice_decides_before_the_nonrenewal_that_follows(tmp_path: Path) -> None:
    told = change("notice", date(2021, 1, 3)), change("nonrenewal", date(2021, 3, 1))
    assert ends(lines(tmp_path, *told)) == [(date(2021, 1, 3), date(2021, 3, 1), "nonrenewal")]


def test_a_nonrenewal_without_notice_was_decided_at_the_deadline(tmp_path: Path) -> None:
    found = lines(tmp_path, change("nonrenewal", date(2021, 3, 2)))
    assert ends(found) == [(date(2021, 1, 1), date(2021, 3, 2), "nonrenewal")]


def test_a_nonrenewal_recorded_before_the_deadline_was_decided_then(tmp_path: Path) -> None:
    found = lines(tmp_path, change("nonrenewal", date(2021, 3, 1), on=date(2021, 9, 1)))
    assert ends(found) == [(date(2021, 3, 1), date(2021, 9, 1), "nonrenewal")]


def test_other_ends_are_decided_when_they_take_effect(tmp_path: Path) -> None:
    found = lines(tmp_path, change("involuntary_cancel", date(2021, 3, 9), on=date(2021, 3, 1)))
    assert ends(found) == [(date(2021, 3, 1), date(2021, 3, 1), "involuntary")]


def test_a_notice_withdrawn_or_overtaken_by_a_renewal_is_none(tmp_path: Path) -> None:
    told = change("notice", date(2021, 4, 1)), change("notice_withdrawn", date(2021, 4, 9))
    assert ends(lines(tmp_path / "a", *told)) == [(None, None, None)]
    told = change("notice", date(2021, 4, 1)), change("renewal", date(2021, 4, 9))
    assert ends(lines(tmp_path / "b", *told)) == [(None, None, None)]


def test_a_notice_after_a_withdrawn_one_decides(tmp_path: Path) -> None:
    days = {"notice": date(2021, 4, 1), "notice_withdrawn": date(2021, 4, 9)}
    told = [change(kind, day) for kind, day in days.items()]
    found = lines(tmp_path, *told, change("notice", date(2021, 4, 20)))
    assert ends(found) == [(date(2021, 4, 20), date(2021, 9, 1), "nonrenewal")]


def test_a_return_within_thirty_days_undoes_the_end(tmp_path: Path) -> None:
    told = change("midterm_cancel", date(2021, 3, 1)), change("reactivation", date(2021, 3, 31))
    assert ends(lines(tmp_path, *told)) == [(None, None, None)]


def test_a_later_return_is_a_second_spell(tmp_path: Path) -> None:
    told = change("midterm_cancel", date(2021, 3, 1)), change("reactivation", date(2021, 4, 1))
    found = lines(tmp_path, *told)
    assert ends(found) == [(date(2021, 3, 1), date(2021, 3, 1), "midterm"), (None, None, None)]
    assert [row["started_on"] for row in found] == [date(2020, 1, 1), date(2021, 4, 1)]
    assert [row["spell"] for row in found] == [0, 1]


def test_of_two_ends_the_earlier_counts(tmp_path: Path) -> None:
    told = change("nonrenewal", date(2021, 3, 1)), change("midterm_cancel", date(2021, 2, 1))
    assert [end[1:] for end in ends(lines(tmp_path, *told))] == [(date(2021, 2, 1), "midterm")]


def test_ends_known_later_are_not_seen(tmp_path: Path) -> None:
    told = change("midterm_cancel", date(2021, 3, 1), known=datetime(2021, 6, 1, tzinfo=UTC))
    assert ends(lines(tmp_path, told)) == [(None, None, None)]


def test_an_end_on_or_before_the_first_day_leaves_no_line(tmp_path: Path) -> None:
    assert lines(tmp_path, change("midterm_cancel", date(2020, 1, 1))) == []


def test_overlapping_lines_of_an_account_stand_side_by_side(tmp_path: Path) -> None:
    both = [sub("s1"), sub("s2", start=date(2020, 3, 1))]
    found = lines(tmp_path, subscriptions=both)
    assert [row["subscription_id"] for row in found] == ["s1", "s2"]


def test_free_lines_and_test_accounts_are_no_contracts(tmp_path: Path) -> None:
    three = [sub("s1", "a1", mrr_minor=0), sub("s2", "a2"), sub("s3", "a3")]
    marks = [attribute("a2", "is_test", "true"), attribute("a3", "is_test", "false")]
    found = lines(tmp_path, subscriptions=three, attributes=marks)
    assert [row["account_id"] for row in found] == ["a3"]


def test_a_price_cut_to_nothing_is_a_cancellation(tmp_path: Path) -> None:
    found = lines(tmp_path, change("contraction", date(2021, 3, 1), after=0))
    assert ends(found) == [(date(2021, 3, 1), date(2021, 3, 1), "midterm")]


def test_a_merged_account_hands_its_lines_over_once_known(tmp_path: Path) -> None:
    merges = [merge("a1", "a2", date(2021, 3, 1)), merge("a2", "a3", date(2021, 4, 1))]
    before = lines(tmp_path / "a", account_merges=merges, day=date(2021, 3, 1))
    after = lines(tmp_path / "b", account_merges=merges)
    assert [row["account_id"] for row in before + after] == ["a1", "a3"]
    assert after[0]["held_by_id"] == "a1"


def test_mrr_is_that_of_the_last_move_before_the_day(tmp_path: Path) -> None:
    before = change("expansion", date(2021, 3, 1), after=15_000)
    then = change("contraction", date(2021, 5, 1), on=DAY, before=15_000, after=9_000)
    assert lines(tmp_path, before, then)[0]["mrr_minor"] == 15_000


def test_mrr_before_the_first_move_is_what_it_moved_from(tmp_path: Path) -> None:
    told = change("expansion", date(2021, 5, 1), on=date(2021, 7, 1), before=8_000, after=9_000)
    assert lines(tmp_path, told)[0]["mrr_minor"] == 8_000


def test_a_plan_change_on_the_day_of_the_end_is_part_of_the_end(tmp_path: Path) -> None:
    told = [change("midterm_cancel", date(2021, 3, 1), before=9_000),
            change("contraction", date(2021, 3, 1), after=9_000)]  # fmt: skip
    at = snapshot_of(tmp_path, DAY, subscriptions=[sub()], subscription_changes=told)
    (move,) = build_moves(at).to_pylist()
    assert (move["kind"], move["mrr_before_minor"], move["mrr_after_minor"]) == (
        "midterm_cancel", MRR, 0)  # fmt: skip


def test_moves_in_another_currency_are_not_compared(tmp_path: Path) -> None:
    told = [change("price_change", date(2021, 3, 1), currency="EUR", after=12_000)]
    at = snapshot_of(tmp_path, DAY, subscriptions=[sub()], subscription_changes=told)
    assert build_moves(at).num_rows == 0
    assert build_lines(at)["mrr_minor"].to_pylist() == [MRR]


def test_a_line_older_than_the_data_keeps_its_first_day(tmp_path: Path) -> None:
    old = sub(start=date(2012, 5, 1), known=datetime(2020, 1, 1, tzinfo=UTC))
    assert lines(tmp_path, subscriptions=[old])[0]["started_on"] == date(2012, 5, 1)


def test_a_term_that_ends_before_it_starts_says_nothing(tmp_path: Path) -> None:
    odd = sub(term_started_on=date(2021, 1, 1), term_ends_on=date(2020, 12, 1))
    assert lines(tmp_path, subscriptions=[odd])[0]["term_ends_on"] is None


def test_no_contracts_give_no_lines(tmp_path: Path) -> None:
    assert lines(tmp_path, subscriptions=[], accounts=[]) == []


def test_an_open_ended_line_under_notice_lives_on_for_its_period(tmp_path: Path) -> None:
    told, open_ended = change("notice", date(2021, 5, 20)), [sub()]
    found = lines(tmp_path / "a", told, subscriptions=open_ended)
    assert ends(found) == [(date(2021, 5, 20), date(2021, 6, 19), "nonrenewal")]
    agreed = [sub(notice_days=90)]
    found = lines(tmp_path / "b", told, subscriptions=agreed)
    assert found[0]["ended_on"] == date(2021, 8, 18)
