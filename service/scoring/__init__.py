"""Scores computed while somebody waits: the bundles that speak, and the questions put to them."""
