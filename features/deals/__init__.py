"""Deals: their facts, dated twice, turned into one row per open deal and landmark day."""
