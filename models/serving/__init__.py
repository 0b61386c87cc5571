"""Scores asked for over HTTP: rows of JSON in, the same predictions as a refresh out."""
