"""One script per published number; ``benchmarks/run.py`` runs them and keeps their results."""
