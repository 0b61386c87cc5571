"""Lifetime value of contracts: survival, moves of the price while alive, costs and discount."""
