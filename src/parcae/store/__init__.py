"""The journal: an append-only log of events, and what can be rebuilt from it. Knows nothing of what events mean to agents."""
