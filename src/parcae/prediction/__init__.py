"""Will this vote be wrong? Forecasters, training and calibration. Knows nothing of what is done about it."""
