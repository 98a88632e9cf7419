"""Policies and frontiers on the recorded AutoFL runs: one file a table."""
