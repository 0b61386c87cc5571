"""Exports of other systems, read through mapping files into canonical tables."""
