"""The plan's own test: which faults of pumps and instruments it catches, how large they must be, which escape."""
