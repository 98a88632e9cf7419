"""A git repository of branches that agents write to. Knows nothing of who may write."""
