"""One goal in: a company of agents that hires itself, works, reviews and finishes. Knows nothing of swaps."""
