"""Money and tokens as a tree of accounts with reservations. Knows nothing of models."""
