"""Ways to call a language model, all behind one seam. Knows nothing of agents."""
