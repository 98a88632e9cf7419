"""Acting on the forecast: policies, the supervisor that swaps models in live attempts, replays and frontiers."""
