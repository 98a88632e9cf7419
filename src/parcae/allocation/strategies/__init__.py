"""Ways to search: each module is one strategy behind `parcae.allocation.strategy.Strategy`."""
