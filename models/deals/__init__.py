"""Deals: the chance to win in the quarter and by any day, by when, for how much, and why."""
