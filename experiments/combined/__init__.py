"""The three systems as one, beside each alone, on goals that are checked: `python -m experiments.combined`."""
