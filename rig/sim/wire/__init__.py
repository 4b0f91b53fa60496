"""The line between simulated instruments and their host, what goes wrong on it, and SCPI."""
