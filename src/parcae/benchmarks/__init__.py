"""Known faults and public items to measure agents on, and the measuring. Knows nothing of terminals."""
