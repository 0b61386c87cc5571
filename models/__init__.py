"""Estimators, the forecast, and how right they are. May import ``features`` and ``lifecycle``."""
