"""Customer lifetime value: purchase-process models and their machine-learned rivals."""
