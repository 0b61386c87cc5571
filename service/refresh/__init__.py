"""Score and forecast as of an instant into the ledger: the command line's only scoring path."""
