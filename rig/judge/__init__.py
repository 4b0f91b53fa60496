"""From the record to verdicts: the same function for the run and for every later report."""
