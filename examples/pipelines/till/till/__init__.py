"""A small shop's till with a fault in several places: something to look for."""
