"""Tickets and surveys: seen as they stood, told by the unwell, silent where it hurts."""

import numpy as np

from lifecycle.world.dirt import DirtRates
from lifecycle.world.support import OFFBOARDING, draw_tickets
from tests.lifecycle.world.worlds import account_rows, column, facts, moves, tiny


def text(table, name):
    return facts()[table][name].to_numpy(zero_copy_only=False)


def test_a_solution_is_known_when_it_was_found():
    solved, known = column("tickets", "solved_at"), column("tickets", "known_at")
    told = ~np.isnan(solved)
    assert told.any()
    assert np.allclose(solved[told], known[told], atol=1e-4)


def test_an_open_ticket_says_nothing_of_its_answer():
    opened = text("tickets", "status") == "open"
    first = opened & (facts()["tickets"]["reopened_count"].to_numpy() == 0)
    assert np.isnan(column("tickets", "first_replied_at")[first]).all()
    assert np.isnan(column("tickets", "solved_at")[opened]).all()


def test_incidents_bring_severe_tickets():
    drawn = draw_tickets(tiny(), DirtRates())
    week = (drawn.opened // 7).astype(int)
    hurt = tiny().weekly.incident[drawn.account, week] < -0.4
    severe = drawn.severity >= 2
    assert severe[hurt].mean() > 1.5 * severe[~hurt].mean()


def test_data_is_asked_back_only_after_a_notice():
    asked = np.isin(text("tickets", "topic"), OFFBOARDING)
    first = np.full(len(tiny().accounts.account_id), np.inf)
    np.minimum.at(first, moves("notice")["account"], moves("notice")["decided_day"])
    rows, opened = account_rows("tickets")[asked], column("tickets", "known_at")[asked]
    assert asked.any()
    assert (opened[rows >= 0] > first[rows[rows >= 0]]).all()


def test_unhappy_people_answer_less():
    of = text("surveys", "kind") == "nps"
    week = (column("surveys", "invited_at")[of] // 7).astype(int)
    rows = account_rows("surveys")[of]
    health = tiny().weekly.health[rows, week]
    answered = text("surveys", "outcome")[of] == "answered"
    real = rows >= 0
    assert answered[real & (health > 0.5)].mean() > answered[real & (health < -0.5)].mean() + 0.1


def test_silence_has_no_score_and_answers_have_one():
    silent = text("surveys", "outcome") == "unanswered"
    scores = facts()["surveys"]["score"].to_numpy(zero_copy_only=False)
    assert np.isnan(scores[silent]).all()
    assert not np.isnan(scores[~silent]).any()


def test_a_silence_is_known_only_when_the_survey_closed():
    silent = text("surveys", "outcome") == "unanswered"
    waited = column("surveys", "known_at") - column("surveys", "invited_at")
    assert (waited[silent] >= 14).all()


def test_few_openings_are_written_in_the_wrong_zone():
    early = column("tickets", "known_at") - column("tickets", "opened_at")
    fresh = text("tickets", "status") == "open"
    first = fresh & (facts()["tickets"]["reopened_count"].to_numpy() == 0)
    assert 0 < (early[first] > 3 / 24).mean() < 0.03
