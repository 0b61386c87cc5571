"""The quarter's revenue: legs, their combination, and the one call that serves and backtests."""
