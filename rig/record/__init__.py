"""The evidence: an append-only journal, the run folder around it, and what can be read back from them."""
