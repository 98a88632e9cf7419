"""Attempts as one graph. Knows nothing of what is forecast from it."""
