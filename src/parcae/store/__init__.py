"""The journal: an append-only log of events, and what is rebuilt from it. Knows nothing of what events mean."""
