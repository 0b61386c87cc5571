"""A whole company copied while it works, and put back into an empty folder."""
