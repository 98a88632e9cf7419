"""What agents may do: typed functions as tools, sandboxed commands, Python projects under test. Knows nothing of models."""
