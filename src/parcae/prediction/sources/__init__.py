"""Where labelled attempts come from: one file a format, all giving `Group`s. Knows nothing of forecasters."""
