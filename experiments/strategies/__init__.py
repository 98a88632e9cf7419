"""Baselines behind the same seam as the packaged strategies: for tables, not for users."""
