"""Tables of the allocation: environments from recordings, strategies side by side."""
