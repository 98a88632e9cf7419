"""Many attempts at one task: run, pause, vote, stop. Knows nothing of forecasts."""
