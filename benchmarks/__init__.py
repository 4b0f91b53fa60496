"""Speed, measured beside the peers and the physical limit in the same run: ``make bench``."""
