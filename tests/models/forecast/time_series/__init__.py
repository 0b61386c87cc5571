"""Forecasts of any table of series."""
