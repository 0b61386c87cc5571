"""Learning from the past, and proving it on the past.

May import ``models``, ``ledger`` and the rooms below.
"""
