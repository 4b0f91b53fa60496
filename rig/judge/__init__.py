"""From the record to verdicts: the same function for the run and for every later report."""

from rig.judge.results import judge, judge_case

__all__ = ["judge", "judge_case"]
