"""What agents may do: typed functions, sandboxed commands, Python projects under test. Knows nothing of models."""
