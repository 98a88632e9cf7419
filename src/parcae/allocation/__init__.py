"""Which model and how many samples for each stage of a pipeline, under a hard budget."""
