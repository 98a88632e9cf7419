"""Forecasters on the recorded AutoFL runs: one file a table."""
