"""Staff: reps with ramp, skill and bias, their managers and teams, success managers; by date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_book import Book, Index, Rows
from lifecycle.world.presets import WorldParams
from lifecycle.world.seams import csm_name

ROLES = ("rep", "csm", "manager", "leader")
REP, CSM, MANAGER, LEADER = range(4)
ACCOUNTS_PER_REP = 40
REPS_PER_TEAM = 7
RAMP_WEEKS = 26
RAMP_FLOOR = 0.3
"""Share of a full load that a rep carries on the first day."""
UNRAMPED_QUALITY = -0.5
"""What a deal loses in quality with a rep on the first day."""
WEEKLY_LEAVE_CHANCE = 0.0035
WEEKS_TO_REPLACE = 4
YEARLY_MOVE_CHANCE = 0.08
"""Chance of a rep to be moved to another team at the new year."""
HAPPY_EARS_SHARE, SANDBAG_SHARE = 0.2, 0.15
"""Reps who see deals as too good (bias about +1) and too bad (about -1); the others near 0."""

PEOPLE = {
    "role": np.int8,
    "region": np.int8,
    "team": np.int16,
    "manager": np.int32,
    "hired_week": np.int32,
    "left_week": np.int32,
    "heir": np.int32,
    "bias": np.float32,
    "skill": np.float32,
    "since_day": np.int32,
}
POSTS = {
    "owner": np.int32,
    "team": np.int16,
    "region": np.int8,
    "manager": np.int32,
    "from_day": np.int32,
    "to_day": np.int32,
    "left_day": np.int32,
    "known_day": np.int32,
}
NEVER = np.iinfo(np.int32).max
"""Week or day of what has not happened."""


@dataclass(frozen=True)
class Handover:
    """Whose deals go to whom at the start of a week: arrays by owner who leaves."""

    leavers: Index
    heirs: Index


class Sellers:
    """The sales organisation, week by week.

    Parameters
    ----------
    params
        The world: its accounts say how many people it takes.
    region_shares
        Share of the business by sales region, shape (regions,).
    rng
        Draws of this entity type alone.
    """

    def __init__(
        self, params: WorldParams, region_shares: npt.NDArray[Any], rng: np.random.Generator
    ) -> None:
        self._rng = rng
        self._regions = len(region_shares)
        self._vacancies: list[tuple[int, int]] = []
        self.people = Book(PEOPLE)
        self.posts = Rows(POSTS)
        self._team_managers: list[int] = []
        self._team_regions: list[int] = []
        leader = self._hire(1, role=LEADER, region=0, week=-200, team=-1)[0]
        reps = _apportion(max(6, round(params.accounts / ACCOUNTS_PER_REP)), region_shares)
        csms = _apportion(params.csm_count, region_shares)
        for region in range(self._regions):
            self._staff_region(region, reps=reps[region], csms=csms[region], leader=int(leader))
        self.planned_reps = int(reps.sum())
        everyone = np.arange(len(self.people))
        self._write_posts(everyone, day=np.minimum(0, self.people["since_day"]), known=0)

    def step(self, week: int, *, new_year: bool) -> Handover:
        """Let people join, move and leave at the start of a week; return whose deals move."""
        self._fill_vacancies(week)
        if new_year:
            self._move_teams(week)
        people = self.people
        draws = self._rng.random(len(people))
        may_leave = (people["left_week"] == NEVER) & (people["role"] == REP)
        leavers = np.flatnonzero(may_leave & (draws < WEEKLY_LEAVE_CHANCE))
        gone, heirs = [], []
        for owner in leavers:
            colleagues = self._colleagues(int(owner))
            if len(colleagues) == 0:
                continue
            self._leave(int(owner), week)
            gone.append(owner)
            heir = int(self._rng.choice(colleagues))
            self.people["heir"][owner] = heir
            heirs.append(heir)
        return Handover(np.array(gone, np.int64), np.array(heirs, np.int64))

    def current(self, owners: Index) -> Index:
        """Return who does the work of owners now: themselves, or the last of their heirs."""
        people = self.people
        found = np.asarray(owners, np.int64)
        while (gone := people["left_week"][found] != NEVER).any():
            found = np.where(gone, people["heir"][found], found)
        return found

    def ramp(self, owners: Index, week: int) -> npt.NDArray[np.float64]:
        """Return the share of a full load that owners carry in a week."""
        tenure = (week - self.people["hired_week"][owners]) / RAMP_WEEKS
        return np.asarray(np.clip(RAMP_FLOOR + (1 - RAMP_FLOOR) * tenure, RAMP_FLOOR, 1))

    def quality(self, owners: Index, week: int) -> npt.NDArray[np.float64]:
        """Return what owners add to the quality of their deals in a week."""
        short = (1 - self.ramp(owners, week)) / (1 - RAMP_FLOOR)
        return np.asarray(self.people["skill"][owners] + UNRAMPED_QUALITY * short)

    def capacity(self, week: int) -> float:
        """Return the load that the reps can carry against the planned one."""
        reps = np.flatnonzero(self._active() & (self.people["role"] == REP))
        return float(self.ramp(reps, week).sum() / self.planned_reps)

    def pick(self, regions: npt.NDArray[Any], rng: np.random.Generator, *, role: int) -> Index:
        """Return someone active in that role for each region asked for."""
        picked = np.zeros(len(regions), np.int64)
        for region in range(self._regions):
            wanted = np.flatnonzero(regions == region)
            staff = self._staff(region, role)
            picked[wanted] = staff[rng.integers(0, len(staff), len(wanted))]
        return picked

    def headcount(self, week: int) -> tuple[int, npt.NDArray[np.float64]]:
        """Return the active reps and their share by region (regions,) as of now."""
        reps = self._active() & (self.people["role"] == REP) & (self.people["hired_week"] <= week)
        counts = np.bincount(self.people["region"][reps], minlength=self._regions)
        return int(counts.sum()), counts / max(1, counts.sum())

    def names(self) -> list[str]:
        """Return the owner id of everyone, by place: a letter for the role and a number.

        Success managers come in the order that contracts number them by.
        """
        seen = dict.fromkeys(range(len(ROLES)), 0)
        names = []
        for role in self.people["role"]:
            number = seen[int(role)]
            seen[int(role)] += 1
            names.append(csm_name(number) if role == CSM else f"{'R MV'[role]}{number:04d}")
        return names

    def csm(self, numbers: Index) -> Index:
        """Return the places of success managers by the numbers that contracts give them."""
        return np.flatnonzero(self.people["role"] == CSM)[numbers]

    # inside

    def _active(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.people["left_week"] == NEVER)

    def _staff(self, region: int, role: int) -> Index:
        people = self.people
        found = self._active() & (people["region"] == region) & (people["role"] == role)
        return np.flatnonzero(found)

    def _colleagues(self, owner: int) -> Index:
        people = self.people
        staff = self._staff(int(people["region"][owner]), int(people["role"][owner]))
        others = staff[staff != owner]
        same = others[people["team"][others] == people["team"][owner]]
        return np.asarray(same if len(same) else others)

    def _staff_region(self, region: int, *, reps: int, csms: int, leader: int) -> None:
        teams = max(1, round(reps / REPS_PER_TEAM))
        first = len(self._team_managers)
        for team in range(first, first + teams):
            manager = self._hire(1, role=MANAGER, region=region, week=-200, team=team)
            self.people["manager"][manager] = leader
            self._team_managers.append(int(manager[0]))
            self._team_regions.append(region)
        hired = -self._rng.integers(0, 200, reps)
        self._hire(reps, role=REP, region=region, week=hired, team=first + np.arange(reps) % teams)
        self._hire(csms, role=CSM, region=region, week=-100, team=first)

    def _hire(self, count: int, *, role: int, region: int, week: Any, team: Any) -> Index:
        rng = self._rng
        kind = rng.random(count)
        centre = np.where(kind < HAPPY_EARS_SHARE, 1.0, 0.0)
        centre = np.where(kind > 1 - SANDBAG_SHARE, -1.0, centre)
        managers = np.array([*self._team_managers, -1], np.int32)
        return self.people.add(
            count, role=role, region=region, team=team, hired_week=week, left_week=NEVER,
            manager=managers[np.asarray(team)] if role in (REP, CSM) else -1,
            bias=centre + rng.normal(0, 0.25, count), skill=rng.normal(0, 0.25, count),
            since_day=7 * np.asarray(week),
        )  # fmt: skip

    def _write_posts(self, owners: Index, *, day: Any, known: Any, to_day: int = NEVER) -> None:
        people = self.people
        left = people["left_week"][owners].astype(np.int64)
        self.posts.add(
            len(owners), owner=owners, team=people["team"][owners], from_day=day, to_day=to_day,
            region=people["region"][owners], manager=people["manager"][owners], known_day=known,
            left_day=np.where(left == NEVER, NEVER, 7 * left),
        )  # fmt: skip

    def _leave(self, owner: int, week: int) -> None:
        people = self.people
        one = np.array([owner])
        people["left_week"][owner] = week
        self._write_posts(one, day=people["since_day"][owner], known=7 * week, to_day=7 * week)
        self._vacancies.append((week + WEEKS_TO_REPLACE, int(people["team"][owner])))

    def _fill_vacancies(self, week: int) -> None:
        due = [vacancy for vacancy in self._vacancies if vacancy[0] <= week]
        self._vacancies = [vacancy for vacancy in self._vacancies if vacancy[0] > week]
        for _, team in due:
            region = self._team_regions[team]
            owner = self._hire(1, role=REP, region=region, week=week, team=team)
            self._write_posts(owner, day=7 * week, known=7 * week)

    def _move_teams(self, week: int) -> None:
        people = self.people
        reps = np.flatnonzero(self._active() & (people["role"] == REP))
        moved = reps[self._rng.random(len(reps)) < YEARLY_MOVE_CHANCE]
        regions = np.array(self._team_regions)
        for owner in moved:
            others = np.flatnonzero(regions == people["region"][owner])
            others = others[others != people["team"][owner]]
            if len(others) == 0:
                continue
            one = np.array([owner])
            day = 7 * week
            self._write_posts(one, day=people["since_day"][owner], known=day, to_day=day)
            people["team"][owner] = self._rng.choice(others)
            people["manager"][owner] = self._team_managers[int(people["team"][owner])]
            people["since_day"][owner] = day
            self._write_posts(one, day=day, known=day)


def _apportion(count: int, shares: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Share people out, at least one each: largest remainders after that."""
    exact = np.asarray(shares) / np.sum(shares) * count
    whole = np.maximum(1, np.floor(exact).astype(np.int64))
    for place in np.argsort(np.floor(exact) - exact)[: max(0, count - int(whole.sum()))]:
        whole[place] += 1
    return np.asarray(whole)
