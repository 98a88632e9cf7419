"""Whole jobs: from what a user types to a report. Knows nothing of terminals and pages."""
