"""Targets and the gap to them: attainment, pacing, coverage, levers and the cheapest plan."""
