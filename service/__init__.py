"""What revenue teams ask, answered from the ledger. May import ``models``, ``ledger`` and below."""
