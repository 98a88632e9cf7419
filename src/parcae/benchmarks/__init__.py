"""Built bugs and public items: how good the agents are, with intervals. Knows nothing of how agents are built."""
