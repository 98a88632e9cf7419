"""Will this vote be wrong? Forecasters, their training and their calibration. Knows nothing of what is done about it."""
