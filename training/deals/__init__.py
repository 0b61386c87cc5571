"""Deals: what became of open ones, past quarters replayed, the gate, readiness and owners' bias."""
