"""Forecasts of any table of regular series, with intervals: ``unique_id, ds, y`` in, levels out."""
