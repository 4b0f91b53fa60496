"""From the record to verdicts: the same functions for the run and for every later report (:mod:`rig.judge.results`)."""
