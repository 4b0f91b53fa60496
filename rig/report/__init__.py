"""What is handed over: one HTML file and one PDF, built from a run folder alone."""

from rig.report.build import build_report

__all__ = ["build_report"]
